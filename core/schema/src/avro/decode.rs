//! Reads an event by a plan and writes it as JSON. Bytes come from anybody: nothing is allocated on their word, and work is bounded by their number.

use super::plan::{Op, Plan};
use crate::decode::Undecodable;
use crate::render;
use crate::text::shown;

/// What an event may hold that takes no bytes: an array of nulls says a number and nothing else.
const WEIGHTLESS: usize = 100_000;

/// How much longer than an event its text may be: names of fields stand in the text and not in the event.
const LONGER: usize = 64;
const LEAST: usize = 1 << 20;

struct Reading<'a> {
    plan: &'a Plan,
    bytes: &'a [u8],
    out: Vec<u8>,
    steps: usize,
    most: usize,
}

impl Plan {
    /// The event as JSON.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
        let most = bytes.len().saturating_mul(LONGER).saturating_add(LEAST);
        let steps = bytes.len().saturating_mul(4).saturating_add(WEIGHTLESS);
        let mut reading = Reading { plan: self, bytes, out: Vec::with_capacity(bytes.len().saturating_mul(2)), steps, most };
        reading.value(0, self.depth)?;
        match reading.bytes.len() {
            0 => Ok(reading.out),
            left => Err(Undecodable::new(format!("{left} bytes are left behind its end: it was written with another schema"))),
        }
    }
}

impl<'a> Reading<'a> {
    fn value(&mut self, place: usize, depth: usize) -> Result<(), Undecodable> {
        match self.steps.checked_sub(1) {
            Some(left) if self.out.len() <= self.most => self.steps = left,
            _ => return Err(Undecodable::new("it announces more values than its bytes can hold")),
        }
        let plan = self.plan;
        match plan.ops.get(place) {
            Some(Op::Null) => self.out.extend(b"null"),
            Some(Op::Boolean) => match self.take(1)? {
                [0] => self.out.extend(b"false"),
                [1] => self.out.extend(b"true"),
                _ => return Err(Undecodable::new("a boolean is neither 0 nor 1")),
            },
            Some(Op::Int { as_float }) => {
                let number = i32::try_from(self.long()?).map_err(|_| Undecodable::new("a number is too large for int"))?;
                self.whole(i64::from(number), *as_float);
            }
            Some(Op::Long { as_float }) => {
                let number = self.long()?;
                self.whole(number, *as_float);
            }
            Some(Op::Float) => {
                let bytes: [u8; 4] = self.take(4)?.try_into().unwrap_or_default();
                render::float(&mut self.out, f32::from_le_bytes(bytes));
            }
            Some(Op::Double) => {
                let bytes: [u8; 8] = self.take(8)?.try_into().unwrap_or_default();
                render::double(&mut self.out, f64::from_le_bytes(bytes));
            }
            Some(Op::Text | Op::BytesAsText) => {
                let text = self.text()?;
                render::text(&mut self.out, text);
            }
            Some(Op::Bytes | Op::TextAsBytes) => {
                let bytes = self.counted()?;
                render::bytes(&mut self.out, bytes);
            }
            Some(Op::Fixed(size)) => {
                let bytes = self.take(*size)?;
                render::bytes(&mut self.out, bytes);
            }
            Some(Op::Decimal { size, scale }) => {
                let bytes = match size {
                    Some(size) => self.take(*size)?,
                    None => self.counted()?,
                };
                let number = render::decimal(bytes, *scale).ok_or_else(|| Undecodable::new("a decimal has too many digits"))?;
                render::text(&mut self.out, &number);
            }
            Some(Op::Array(items)) => {
                let depth = deeper(depth)?;
                self.out.push(b'[');
                self.blocks(|reading, number| reading.value(*items, depth).map_err(|error| error.under_item(number)))?;
                self.close(b']');
            }
            Some(Op::Map(values)) => {
                let depth = deeper(depth)?;
                self.out.push(b'{');
                self.blocks(|reading, _| {
                    let name = reading.text()?;
                    render::text(&mut reading.out, name);
                    reading.out.push(b':');
                    reading.value(*values, depth).map_err(|error| error.under_key(name))
                })?;
                self.close(b'}');
            }
            Some(Op::Union(members)) => {
                let number = self.long()?;
                let member = usize::try_from(number).ok().and_then(|number| members.get(number));
                let member = member.ok_or_else(|| Undecodable::new(format!("a union has no member {number}")))?;
                self.value(*member, depth)?;
            }
            Some(Op::Enum(symbols)) => {
                let number = self.long()?;
                match usize::try_from(number).ok().and_then(|number| symbols.get(number)) {
                    Some(Some(symbol)) => render::text(&mut self.out, symbol),
                    Some(None) => return Err(Undecodable::new("a symbol of an enum is unknown to the schema that reads it")),
                    None => return Err(Undecodable::new(format!("an enum has no symbol {number}"))),
                }
            }
            Some(Op::Record(record)) => {
                let depth = deeper(depth)?;
                self.out.push(b'{');
                for field in &record.fields {
                    let before = self.out.len();
                    if let Some(key) = &field.key {
                        self.out.extend(key);
                    }
                    self.value(field.op, depth).map_err(|error| error.under_field(&field.name))?;
                    if field.key.is_some() {
                        self.out.push(b',');
                    } else {
                        self.out.truncate(before);
                    }
                }
                self.out.extend(&record.defaults);
                self.close(b'}');
            }
            Some(Op::As(other)) => self.value(*other, depth)?,
            Some(Op::Never(why)) => return Err(Undecodable::new(why.clone())),
            None => return Err(Undecodable::new("its schema has a hole")),
        }
        Ok(())
    }

    /// Items in blocks, up to an empty one. A negative count is followed by the block's size, which nobody needs who reads all of it.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self, usize) -> Result<(), Undecodable>) -> Result<(), Undecodable> {
        let mut number = 0_usize;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                item(self, number)?;
                self.out.push(b',');
                number = number.saturating_add(1);
            }
        }
    }

    fn close(&mut self, bracket: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }

    fn whole(&mut self, number: i64, as_float: bool) {
        if as_float {
            // Avro promises no more than what a float holds.
            render::double(&mut self.out, number as f64);
        } else {
            render::whole(&mut self.out, number);
        }
    }

    fn long(&mut self) -> Result<i64, Undecodable> {
        let mut value = 0_u64;
        for (place, byte) in self.bytes.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return Err(Undecodable::new("a number has more than 64 bits"));
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.bytes = self.bytes.get(place + 1..).unwrap_or_default();
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(Undecodable::new(if self.bytes.len() < 10 { ENDS } else { "a number has more than 64 bits" }))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Undecodable> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| Undecodable::new(ENDS))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn counted(&mut self) -> Result<&'a [u8], Undecodable> {
        let count = self.long()?;
        self.take(usize::try_from(count).map_err(|_| Undecodable::new("a length is negative"))?)
    }

    fn text(&mut self) -> Result<&'a str, Undecodable> {
        std::str::from_utf8(self.counted()?).map_err(|_| Undecodable::new("a text is no UTF-8"))
    }
}

/// Only what JSON nests counts: unions are not seen in it, and never stand within each other.
fn deeper(depth: usize) -> Result<usize, Undecodable> {
    depth.checked_sub(1).ok_or_else(|| Undecodable::new("it is nested too deep"))
}

const ENDS: &str = "it ends in the middle of a value";

impl Undecodable {
    fn under_field(self, name: &str) -> Self {
        self.under(&format!(".{}", shown(name)))
    }

    fn under_item(self, number: usize) -> Self {
        self.under(&format!("[{number}]"))
    }

    /// The key is the event's own and may be personal: its place is told, not its name.
    fn under_key(self, _name: &str) -> Self {
        self.under(".*")
    }
}
