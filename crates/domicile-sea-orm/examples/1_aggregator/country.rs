//! The country that a label means.

/// Reads a label as people type it, or says why it is not read. It is never guessed: a record in the wrong country is
/// worse than one that waits. (`country_code` of the crate `domicile-pipeline` knows all countries.)
pub(crate) fn read(label: &str) -> Result<&'static str, String> {
    match label.trim().trim_end_matches('.').to_lowercase().as_str() {
        "es" | "esp" | "españa" | "spain" | "spanien" => Ok("ES"),
        "pt" | "prt" | "portugal" => Ok("PT"),
        "fr" | "fra" | "france" | "frankreich" => Ok("FR"),
        "it" | "ita" | "italia" | "italy" => Ok("IT"),
        "" => Err("it has no country".into()),
        _ => Err(format!("its country is `{label}`, which no rule knows")),
    }
}
