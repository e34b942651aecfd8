"""The host names of the cloud and the product each of them serves."""

from __future__ import annotations

VERSIONS = {"Ram": "2015-05-01", "Sts": "2015-04-01", "Ims": "2019-08-15"}

REGIONS = (
    "cn-qingdao cn-beijing cn-zhangjiakou cn-huhehaote cn-wulanchabu cn-hangzhou cn-shanghai "
    "cn-nanjing cn-fuzhou cn-shenzhen cn-heyuan cn-guangzhou cn-chengdu cn-wuhan-lr cn-hongkong "
    "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-3 ap-southeast-5 ap-southeast-7 "
    "us-east-1 us-west-1 na-south-1 eu-west-1 eu-central-1 me-east-1 me-central-1 "
    "cn-shanghai-finance-1 cn-beijing-finance-1"
).split()


def default_hosts() -> dict[str, str]:
    """Host name to product code for every host of the official list."""
    hosts = {"ram.aliyuncs.com": "Ram", "sts.aliyuncs.com": "Sts", "ims.aliyuncs.com": "Ims",
             "sts-vpc.cn-shenzhen-finance-1.aliyuncs.com": "Sts"}
    for region in REGIONS:
        hosts[f"sts.{region}.aliyuncs.com"] = "Sts"
        hosts[f"sts-vpc.{region}.aliyuncs.com"] = "Sts"
    return hosts
