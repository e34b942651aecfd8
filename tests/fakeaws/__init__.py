"""IAM for tests: moto, behind the fake cloud's proxy, which can inject faults, and what moto does not check: signatures and
times, the permissions of the document's policy, and what keeps a user from being deleted."""
