//! Decoding the binary format of COPY, record by record, straight into columns of Arrow.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use bytes::Buf;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, the flags and the length of the header's extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// An extension of the header is skipped; none is known that is as long.
const EXTENSION_BYTES_MAX: usize = 1 << 20;
/// The number of fields that ends the data.
const TRAILER: i16 = -1;

/// Cuts the bytes of a COPY into records, wherever they were cut on their way.
pub(super) struct Records {
    buffer: Vec<u8>,
    /// So many bytes of the buffer have been dealt with.
    done: usize,
    state: State,
    columns: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Extension(usize),
    Records,
    Ended,
}

/// The values of one record; `None` is NULL.
pub(super) struct Record<'a> {
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Returns the values, of which there are as many as columns.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = &self.bytes[2..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            // That it is whole was made sure when the record was cut off.
            let length = rest.get_i32();
            let Ok(length) = usize::try_from(length) else { return Some(None) };
            let (value, after) = rest.split_at(length);
            rest = after;
            Some(Some(value))
        })
    }
}

impl Records {
    pub(super) fn new(columns: usize) -> Self {
        Self { buffer: Vec::new(), done: 0, state: State::Header, columns }
    }

    /// Takes the next bytes of the COPY.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Mostly a piece is a record, so that there is no rest to keep.
        self.buffer.drain(..self.done);
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes that have come and are not dealt with.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.done..]
    }

    /// Returns the next record, if all of it has come.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, String> {
        loop {
            match self.state {
                State::Header => {
                    if self.rest().len() < HEADER_BYTES {
                        return Ok(None);
                    }
                    self.read_header()?;
                }
                State::Extension(length) => {
                    if self.rest().len() < length {
                        return Ok(None);
                    }
                    self.done += length;
                    self.state = State::Records;
                }
                State::Records => match self.length()? {
                    Some(0) => self.state = State::Ended,
                    Some(length) => {
                        let begin = self.done;
                        self.done += length;
                        return Ok(Some(Record { bytes: &self.buffer[begin..self.done] }));
                    }
                    None => return Ok(None),
                },
                State::Ended if self.rest().is_empty() => return Ok(None),
                State::Ended => return Err(String::from("bytes follow the end of the COPY")),
            }
        }
    }

    /// Whether the trailer has come: what ends without it was cut off.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    fn read_header(&mut self) -> Result<(), String> {
        let mut header = &self.buffer[self.done..self.done + HEADER_BYTES];
        self.done += HEADER_BYTES;
        if !header.starts_with(SIGNATURE) {
            return Err(String::from("the server's COPY is not in the binary format"));
        }
        header.advance(SIGNATURE.len());
        // The upper half are flags that a reader must know; the only one is for OIDs, which no server sends any more.
        if header.get_u32() >> 16 != 0 {
            return Err(String::from("the server's COPY has flags that are not known"));
        }
        let length = usize::try_from(header.get_i32()).ok().filter(|length| *length <= EXTENSION_BYTES_MAX);
        let length = length.ok_or_else(|| String::from("the server's COPY has a broken header"))?;
        self.state = State::Extension(length);
        Ok(())
    }

    /// How many bytes the next record has, if all of it has come; 0 at the end, whose mark is taken.
    fn length(&mut self) -> Result<Option<usize>, String> {
        let rest = &self.buffer[self.done..];
        let Some(count) = rest.first_chunk() else { return Ok(None) };
        let count = i16::from_be_bytes(*count);
        if count == TRAILER {
            self.done += 2;
            return Ok(Some(0));
        }
        if usize::try_from(count) != Ok(self.columns) {
            return Err(format!("the server's COPY has a record of {count} columns in place of {}", self.columns));
        }
        let mut end = 2;
        for _ in 0..self.columns {
            let Some(length) = rest.get(end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            end += 4;
            match i32::from_be_bytes(*length) {
                -1 => {}
                length => {
                    let length = usize::try_from(length);
                    end += length.map_err(|_| String::from("the server's COPY has a value of a negative length"))?;
                    if rest.len() < end {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(records: &[&[Option<&[u8]>]]) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 4], &3_i32.to_be_bytes(), b"ext"].concat();
        for record in records {
            bytes.extend(i16::try_from(record.len()).unwrap().to_be_bytes());
            for value in *record {
                let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
                bytes.extend(length.to_be_bytes());
                bytes.extend(value.unwrap_or_default());
            }
        }
        bytes.extend(TRAILER.to_be_bytes());
        bytes
    }

    /// The values of records, and whether they have ended.
    type Read = (Vec<Vec<Option<Vec<u8>>>>, bool);

    fn read(bytes: &[u8], at_once: usize) -> Result<Read, String> {
        let mut records = Records::new(2);
        let mut all = Vec::new();
        for part in bytes.chunks(at_once) {
            records.push(part);
            while let Some(record) = records.next()? {
                all.push(record.values().map(|value| value.map(<[u8]>::to_vec)).collect());
            }
        }
        Ok((all, records.has_ended()))
    }

    #[test]
    fn records_are_whole_wherever_the_bytes_are_cut() {
        let records: [&[Option<&[u8]>]; 3] = [&[Some(b"a"), None], &[Some(b""), Some(b"longer")], &[None, None]];
        let bytes = copied(&records);
        let expected: Vec<Vec<_>> =
            records.iter().map(|record| record.iter().map(|value| value.map(<[u8]>::to_vec)).collect()).collect();
        for at_once in 1..=bytes.len() {
            assert_eq!(read(&bytes, at_once), Ok((expected.clone(), true)), "{at_once} bytes at once");
        }
    }

    #[test]
    fn what_is_cut_off_has_not_ended_and_what_is_broken_is_told() {
        let bytes = copied(&[&[Some(b"a"), Some(b"b")]]);
        for kept in 0..bytes.len() {
            assert_eq!(read(&bytes[..kept], 7).map(|(_, ended)| ended), Ok(false), "{kept} bytes");
        }
        let broken = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            read(&bytes, 64).unwrap_err()
        };
        assert!(broken(0, b'X').contains("not in the binary format"));
        assert!(broken(11, 1).contains("flags"));
        assert!(broken(15, 0x80).contains("header"));
        assert!(broken(23, 3).contains("3 columns in place of 2"));
        assert!(broken(24, 0x80).contains("negative length"));
        assert!(read(&[bytes.as_slice(), b"x"].concat(), 64).unwrap_err().contains("follow the end"));
    }
}
