//! Where metrics are served.

use std::net::SocketAddr;

use super::findings::Findings;
use super::setting::SettingPath;

/// The address that a file names, if it names one.
pub(super) fn metrics(written: Option<&str>, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    let address = written?.parse().ok();
    if address.is_none() {
        let at = SettingPath::root().key("metrics");
        let message = format!("`{}` is no address to listen on", findings.document.shown(&at));
        findings.report(&at, message, "write an IP address and a port, as in `127.0.0.1:9464`");
    }
    address
}

#[cfg(test)]
mod tests {
    use crate::config::tests::told;

    #[test]
    fn an_address_is_one_of_ip_and_port() {
        let of = |address: &str| {
            let control = "control = \"sqlite:control.sqlite\"";
            told(control, &format!("{control}\nmetrics = \"{address}\"")).join("\n")
        };
        assert_eq!((of("127.0.0.1:9464"), of("[::1]:9464")), (String::new(), String::new()));
        for wrong in ["9464", ":9464", "localhost", "127.0.0.1:x"] {
            assert!(of(wrong).contains(&format!("3: `{wrong}` is no address to listen on")), "{}", of(wrong));
        }
    }
}
