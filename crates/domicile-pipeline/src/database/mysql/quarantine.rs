//! Records that no statement of the server can hold, because of its `max_allowed_packet`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What a statement that keeps a record has besides it and the reason, at most.
const OVERHEAD_BYTES: usize = 16 * 1024;
/// What stays of the reason beside a record that is too large: it may quote the record.
const REASON_CHARACTERS: usize = 1_000;

/// The reason and the record as one statement of so many bytes can keep them. In place of a record that is too large for that
/// the reason tells its size and its hash, by which it is known where it came from.
pub(super) fn fitting(reason: String, record: String, most_bytes: usize) -> (String, String) {
    if reason.len() + record.len() + OVERHEAD_BYTES <= most_bytes {
        return (reason, record);
    }
    let mut fitting: String = reason.chars().take(REASON_CHARACTERS).collect();
    if fitting.len() < reason.len() {
        fitting.push('…');
    }
    let hash = Sha256::digest(&record).iter().fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    fitting += &format!(
        "; the record is not kept, because its {} bytes of JSON (SHA-256 {hash}) are too many for a max_allowed_packet of \
         {most_bytes}",
        record.len()
    );
    (fitting, String::from("null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_is_and_of_all_else_its_size_and_hash() {
        let most_bytes = OVERHEAD_BYTES + 8;
        let kept = |reason: &str, record: &str| fitting(reason.to_owned(), record.to_owned(), most_bytes);
        assert_eq!(kept("no", "[1234]"), (String::from("no"), String::from("[1234]")));
        let (reason, record) = kept("no", "[12345]");
        assert_eq!(record, "null");
        let hash = "e021fdd9a96d5fbdfb6136c96fa322464274f99e92838237ed9572fc569630c7";
        let told =
            format!("its 7 bytes of JSON (SHA-256 {hash}) are too many for a max_allowed_packet of {most_bytes}");
        assert_eq!(reason, format!("no; the record is not kept, because {told}"));
        let (reason, _) = kept(&"é".repeat(2_000), "[]");
        assert!(reason.starts_with(&format!("{}…; the record is not kept", "é".repeat(REASON_CHARACTERS))), "{reason}");
    }
}
