//! `${NAME}` in the texts of the file.

/// Looks a variable up.
pub(super) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A reference to the environment that cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unresolved {
    /// How the reference begins, as it is in the text.
    pub(super) reference: String,
    pub(super) message: String,
    pub(super) help: String,
}

/// Replaces `${NAME}` by the variable's value, `${NAME:-fallback}` by the fallback if the variable is not set or is
/// empty, and `$$` by `$`. Any other `$` stays as it is.
pub(super) fn substitute(text: &str, environment: &Environment<'_>) -> Result<String, Vec<Unresolved>> {
    let mut whole = String::with_capacity(text.len());
    let mut unresolved = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        whole.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(inside) = after.strip_prefix('{') {
            let Some((reference, following)) = inside.split_once('}') else {
                unresolved.push(unclosed());
                return Err(unresolved);
            };
            match resolve(reference, environment) {
                Ok(value) => whole.push_str(&value),
                Err(error) => unresolved.push(error),
            }
            rest = following;
        } else {
            whole.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    whole.push_str(rest);
    if unresolved.is_empty() { Ok(whole) } else { Err(unresolved) }
}

fn resolve(reference: &str, environment: &Environment<'_>) -> Result<String, Unresolved> {
    let (name, fallback) = match reference.split_once(":-") {
        Some((name, fallback)) => (name, Some(fallback)),
        None => (reference, None),
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_') {
        return Err(Unresolved {
            reference: format!("${{{name}"),
            message: format!("`{name}` is not a name of an environment variable"),
            help: String::from("write `${NAME}` or `${NAME:-fallback}`; a `$` that is meant as such is written `$$`"),
        });
    }
    match (environment(name), fallback) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(fallback)) => Ok(fallback.to_owned()),
        (None, None) => Err(Unresolved {
            reference: format!("${{{name}"),
            message: format!("the environment variable `{name}` is not set"),
            help: if name == "home" {
                String::from("for the home's name write `{home}`, without `$`")
            } else {
                format!("set it before the program starts, or give a fallback: `${{{name}:-fallback}}`")
            },
        }),
    }
}

fn unclosed() -> Unresolved {
    Unresolved {
        reference: String::from("${"),
        message: String::from("`${` has no closing `}`"),
        help: String::from("write `${NAME}` or `${NAME:-fallback}`; a `$` that is meant as such is written `$$`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unresolved, substitute};

    fn with_environment(text: &str) -> Result<String, Vec<Unresolved>> {
        substitute(text, &|name| match name {
            "DATA" => Some(String::from("/data")),
            "EMPTY" => Some(String::new()),
            "ODD" => Some(String::from("${DATA}$$")),
            _ => None,
        })
    }

    #[test]
    fn references_are_replaced() {
        for (text, expected) in [
            ("sqlite:${DATA}/es.sqlite", "sqlite:/data/es.sqlite"),
            ("${DATA:-x}${DATA}", "/data/data"),
            ("${NONE:-.}/x", "./x"),
            ("${EMPTY:-filled}", "filled"),
            ("${EMPTY}", ""),
            ("${NONE:-}", ""),
            ("${NONE:-a:-b}", "a:-b"),
            // What a variable holds is taken as it is.
            ("${ODD}", "${DATA}$$"),
        ] {
            assert_eq!(with_environment(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_dollar_that_is_not_a_reference_stays() {
        for (text, expected) in [("$$", "$"), ("$${DATA}", "${DATA}"), ("a->'$.b'", "a->'$.b'"), ("5$", "5$"), ("", "")]
        {
            assert_eq!(with_environment(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_told_with_its_fix() {
        let errors = with_environment("${NONE} ${1} ${DATA} ${home} ${x").unwrap_err();
        let told: Vec<_> = errors.iter().map(|error| error.reference.as_str()).collect();
        assert_eq!(told, ["${NONE", "${1", "${home", "${"]);
        assert_eq!(errors[0].message, "the environment variable `NONE` is not set");
        assert!(errors[0].help.contains("`${NONE:-fallback}`"), "{}", errors[0].help);
        assert!(errors[2].help.contains("`{home}`"), "{}", errors[2].help);
    }
}
