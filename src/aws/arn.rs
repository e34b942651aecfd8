//! The one thing that is asked of an ARN: which account it is of.

/// The account of the first ARN in a text, such as IAM's own ARNs and its refusals have. Accounts have twelve digits.
#[must_use]
pub fn account_of(text: &str) -> Option<&str> {
    let (_, arn) = text.split_once("arn:aws")?;
    // `arn:<partition>:<service>:<region>:<account>:<resource>`, of which the beginning is cut off.
    let account = arn.split(':').nth(3)?;
    let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    is_account.then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_in_arns_and_in_refusals() {
        for (text, account) in [
            ("arn:aws:iam::123456789012:user/vault-u", Some("123456789012")),
            ("arn:aws-cn:iam::123456789012:user/a/b", Some("123456789012")),
            (
                "User: arn:aws-us-gov:sts::000000000000:assumed-role/r/s is not authorized to perform: iam:CreateUser on \
                 resource: arn:aws:iam::999999999999:user/vault-u",
                Some("000000000000"),
            ),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:iam::12345678901:user/u", None),
            ("arn:aws:iam::12345678901x:user/u", None),
            ("arn:aws", None),
            ("", None),
        ] {
            assert_eq!(account_of(text), account, "{text}");
        }
    }
}
