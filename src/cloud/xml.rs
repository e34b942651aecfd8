//! Small XML documents, as query APIs answer them: elements with text or with elements, by their names alone. Attributes,
//! comments and name spaces say nothing there, and are skipped.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use zeroize::Zeroizing;

/// No answer is nested deeper than half of this.
const DEEPEST: usize = 32;

/// One element. It has no `Debug`: the text may be a key.
#[derive(Default)]
pub(crate) struct Element {
    name: String,
    /// What is in the element itself, without the white space around it.
    text: Zeroizing<String>,
    children: Vec<Self>,
}

impl Element {
    /// The root of a document. `None` where the bytes are no XML, or have a document type: no API answers with one, and
    /// pages of gateways do.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
        // The elements that are open, below one that stands for the document.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() <= DEEPEST => open.push(Self::begun(&start)),
                Event::Empty(start) => open.last_mut()?.children.push(Self::begun(&start)),
                Event::End(_) => {
                    let mut ended = open.pop()?;
                    ended.text = Zeroizing::new(ended.text.trim().to_owned());
                    open.last_mut()?.children.push(ended);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text),
                Event::CData(text) => open.last_mut()?.text.push_str(&text),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(character) => open.last_mut()?.text.push(character),
                    None => open
                        .last_mut()?
                        .text
                        .push_str(resolve_predefined_entity(&reference)?),
                },
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Start(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(document), true) => document.children.into_iter().next(),
            _ => None,
        }
    }

    fn begun(start: &BytesStart<'_>) -> Self {
        Self {
            name: start.local_name().as_ref().to_owned(),
            ..Self::default()
        }
    }

    /// The name, without its name space.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text, without the white space around it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text of the first element of one of these names, however deep it is, unless it is blank.
    pub(crate) fn find(&self, names: &[&str]) -> Option<&str> {
        let own = names.contains(&self.name.as_str()) && !self.text.is_empty();
        match own {
            true => Some(self.text()),
            false => self.children.iter().find_map(|child| child.find(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name() {
        let document =
            br#"<?xml version="1.0"?><!-- x --><a:Root xmlns:a="u" b="c"> <One>1 &lt;&#33;&#x41;</One>
            <Two><Id/><Id> x </Id></Two><Two><Id><![CDATA[<y>]]></Id></Two></a:Root>"#;
        let root = Element::parse(document).unwrap();
        assert_eq!((root.name(), root.find(&["One"])), ("Root", Some("1 <!A")));
        assert_eq!(root.find(&["No", "Id"]), Some("x"));
        assert_eq!(root.find(&["No"]), None);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let deep = "<a>".repeat(1000);
        for document in [
            "",
            "no",
            "{}",
            "<a>",
            "<a></b>",
            "</a>",
            "<a>&unknown;</a>",
            "<!DOCTYPE html><html></html>",
            &deep,
        ] {
            assert!(Element::parse(document.as_bytes()).is_none(), "{document:.20}");
        }
        assert!(Element::parse(b"<a>\xff</a>").is_none());
    }
}
