"""A fake Alibaba Cloud (RAM and STS) for tests and demonstrations."""

from .client import Control, ControlError
from .fake import FakeCloud

__all__ = ["Control", "ControlError", "FakeCloud"]
