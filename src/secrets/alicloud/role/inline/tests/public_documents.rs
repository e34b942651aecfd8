//! Documents of the kinds that public pages about RAM have, and people paste: with comments, trailing commas, escapes,
//! invisible characters, words of other languages, placeholders, members of AWS. Each with the exact answer.

use super::*;

/// A refusal, or the warnings.
type Answer<'a> = Result<&'a [&'a str], &'a str>;

const DOCUMENTS: [(&str, &str, Answer<'static>); 35] = [
    (
        "as documented",
        r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:Get*", "oss:List*"], "Resource": ["acs:oss:*:*:my-bucket", "acs:oss:*:*:my-bucket/*"], "Condition": {"IpAddress": {"acs:SourceIp": ["192.0.2.0/24"]}}}]}"#,
        Ok(&[]),
    ),
    (
        "line comment",
        "{\n  \"Version\": \"1\", // always 1\n  \"Statement\": []\n}",
        Err("not valid JSON: a comment (//) at line 2 column 19: JSON has no comments, so delete it"),
    ),
    (
        "block comment",
        "{\n  /* read only */\n  \"Version\": \"1\"\n}",
        Err("not valid JSON: a comment (/*) at line 2 column 3: JSON has no comments, so delete it"),
    ),
    (
        "comment of a shell",
        "{\n  \"Version\": \"1\",\n  # read only\n  \"Statement\": []\n}",
        Err("not valid JSON: a comment (#) at line 3 column 3: JSON has no comments, so delete it"),
    ),
    (
        "comment after the document",
        "{\"Version\": \"1\"}\n// end of the policy",
        Err("not valid JSON: a comment (//) at line 2 column 1: JSON has no comments, so delete it"),
    ),
    (
        "trailing comma in a list",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\n  \"ecs:Describe*\",\n], \"Resource\": \"*\"}]}",
        Err(
            "not valid JSON: a comma at line 2 column 18 with nothing after it: JSON allows none before ] or }, so delete it",
        ),
    ),
    (
        "trailing comma in an object",
        "{\n  \"Version\": \"1\",\n  \"Statement\": [],\n}",
        Err(
            "not valid JSON: a comma at line 3 column 18 with nothing after it: JSON allows none before ] or }, so delete it",
        ),
    ),
    (
        "comma that is missing",
        "{\n  \"Version\": \"1\"\n  \"Statement\": []\n}",
        Err("not valid JSON: '\"' at line 3 column 3, where a comma or } is expected"),
    ),
    (
        "brace that is missing",
        "{\n  \"Version\": \"1\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"\n  ]\n}",
        Err("not valid JSON: ']' at line 5 column 3, where a comma or } is expected"),
    ),
    (
        "end that is missing",
        "{\n  \"Version\": \"1\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}\n",
        Err("not valid JSON: the text ends, and the [ at line 3 column 16 is not closed"),
    ),
    (
        "indented with no-break spaces",
        "{\n\u{a0}\u{a0}\"Version\": \"1\"\n}",
        Err(
            "not valid JSON: a no-break space (U+00A0) at line 2 column 1, outside of a string: delete it, or write a blank",
        ),
    ),
    (
        "no-break space after a colon",
        "{\"Version\":\u{a0}\"1\"}",
        Err(
            "not valid JSON: a no-break space (U+00A0) at line 1 column 12, outside of a string: delete it, or write a blank",
        ),
    ),
    (
        "zero-width space of a web page",
        "{\u{200b}\"Version\": \"1\"}",
        Err(
            "not valid JSON: a zero-width space (U+200B) at line 1 column 2, outside of a string: delete it, or write a blank",
        ),
    ),
    (
        "ideographic space of a Chinese keyboard",
        "{\"Version\": \"1\",\u{3000}\"Statement\": []}",
        Err(
            "not valid JSON: an ideographic space (U+3000) at line 1 column 17, outside of a string: delete it, or write a blank",
        ),
    ),
    (
        "full-width comma of a Chinese keyboard",
        "{\"Version\": \"1\"\u{ff0c}\"Statement\": []}",
        Err("not valid JSON: '\u{ff0c}' at line 1 column 16, where a comma or } is expected"),
    ),
    (
        "curly quotes of a word processor",
        "{\u{201c}Version\u{201d}: \u{201c}1\u{201d}}",
        Err(
            "not valid JSON: a curly quote \u{201c} (U+201C) at line 1 column 2: JSON takes only the straight double quote \"",
        ),
    ),
    (
        "byte order mark of an editor",
        "\u{feff}{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}",
        Ok(&[]),
    ),
    (
        "file of PowerShell",
        "\u{fffd}\u{fffd}{\0\"\0V\0",
        Err(
            "not valid JSON: bytes at line 1 column 1 that are no UTF-8: save the file as UTF-8 (PowerShell's > writes \
             UTF-16)",
        ),
    ),
    (
        "dictionary of Python",
        "{'Version': '1', 'Statement': []}",
        Err(
            "not valid JSON: a single quote ' (U+0027) at line 1 column 2: JSON takes only the straight double quote \"",
        ),
    ),
    (
        "words of Python",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"Bool\": {\"acs:MFAPresent\": True}}}]}",
        Err("not valid JSON: the word \"True\" at line 1 column 125 is not JSON's: write true"),
    ),
    (
        "names without quotes",
        "{Version: \"1\", Statement: []}",
        Err("not valid JSON: the word \"Version\" at line 1 column 2 needs double quotes around it"),
    ),
    (
        "assignment of another language",
        "policy = {\"Version\": \"1\"}",
        Err("not valid JSON: the word \"policy\" at line 1 column 1 needs double quotes around it"),
    ),
    (
        "text with its escapes",
        "{\\\"Version\\\": \\\"1\\\", \\\"Statement\\\": []}",
        Err(
            "not valid JSON: a backslash before a quote at line 1 column 2: the text is escaped once too often; write it without these backslashes",
        ),
    ),
    (
        "path of Windows",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"acs:oss:*:*:b/a\\x\"}]}",
        Err(
            "not valid JSON: a backslash at line 1 column 95 before something that JSON does not escape; a backslash itself is written \\\\",
        ),
    ),
    (
        "line break inside a string",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"oss:\nGetObject\", \"Resource\": \"*\"}]}",
        Err(
            "not valid JSON: a line break inside a string at line 1 column 67: the closing quote is missing, or write \\n",
        ),
    ),
    (
        "placeholder without quotes",
        "{\"Version\": \"1\", \"Statement\": [<statement>, <statement>]}",
        Err(
            "not valid JSON: <statement> at line 1 column 32 is a placeholder: put the value that is meant in its place",
        ),
    ),
    (
        "dots for what is left out",
        "{\"Version\": \"1\", \"Statement\": [...]}",
        Err(
            "not valid JSON: ... at line 1 column 32 is a placeholder: put the value that is meant in its place",
        ),
    ),
    (
        "placeholders in quotes",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"<Effect>\", \"Action\": \"<Action>\", \"Resource\": \"<Resource>\"}]}",
        Err(
            "document 1, statement 1, Effect (line 1 column 43): must be exactly \"Allow\" or \"Deny\"; got \"<Effect>\"",
        ),
    ),
    (
        "placeholder in a resource",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"oss:*\", \"Resource\": \"acs:oss:*:*:<your-bucket>/*\"}]}",
        Ok(&[
            "document 1, statement 1, Resource: \"acs:oss:*:*:<your-bucket>/*\" looks like a placeholder; put the value that is meant in its place",
        ]),
    ),
    (
        "account id with hidden digits",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"ram:*\", \"Resource\": \"acs:ram:*:123456789012****:user/dev\"}]}",
        Ok(&[
            "document 1, statement 1, Resource: \"acs:ram:*:123456789012****:user/dev\" looks like a number with hidden digits; in a policy each * matches anything",
        ]),
    ),
    (
        "policy of AWS",
        "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\": \"Read\", \"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::my-bucket/*\"}]}",
        Err(
            "document 1, Version (line 1 column 13): RAM's only version is \"1\"; \"2012-10-17\" is a version of AWS, and so may be the rest",
        ),
    ),
    (
        "resource of AWS",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"oss:GetObject\", \"Resource\": \"arn:aws:s3:::my-bucket/*\"}]}",
        Err(
            "document 1, statement 1, Resource (line 1 column 91): \"arn:aws:s3:::my-bucket/*\" is an ARN of AWS; RAM's are acs:<service>:<region>:<account id>:<resource>",
        ),
    ),
    (
        "trust policy of a role",
        "{\"Version\": \"1\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": {\"Service\": [\"ecs.aliyuncs.com\"]}}]}",
        Err(
            "document 1, statement 1 (line 1 column 32): a statement with \"Principal\" and without \"Resource\" is of a trust policy, which belongs to a RAM role; the policy of a user needs \"Resource\", \"*\" for all",
        ),
    ),
    (
        "statement alone",
        "{\"Effect\": \"Allow\", \"Action\": \"oss:*\", \"Resource\": \"*\"}",
        Err(
            "document 1 (line 1 column 1): this is a statement; a policy document has it in a list: {\"Version\": \"1\", \"Statement\": [ ... ]}",
        ),
    ),
    (
        "two documents without a list",
        "{\"Version\": \"1\", \"Statement\": []},\n{\"Version\": \"1\", \"Statement\": []}",
        Err(
            "not valid JSON: there is a second value at line 1 column 34: several go into one list, [ ... , ... ]",
        ),
    ),
];

#[test]
fn each_kind_has_its_answer() {
    let mut differing = Vec::new();
    for (kind, written, expected) in DOCUMENTS {
        let answer = text(written).map(|policies| {
            let numbered = (1..).zip(&policies);
            numbered
                .flat_map(|(number, policy)| policy.document.warnings(number))
                .collect()
        });
        let expected: Result<Vec<_>, _> = match expected {
            Ok(warnings) => Ok(warnings.iter().map(ToString::to_string).collect()),
            Err(refusal) => Err(format!("inline_policies: {refusal}")),
        };
        if answer != expected {
            differing.push(format!("{kind}:\n  {answer:?}\n  {expected:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
