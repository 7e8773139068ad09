//! The ledger's records as they stand in Kafka: golden, since other tools and later versions read them.

use onceward::ledger::{Key, Unreadable, decode, encode};
use onceward_engine::ledger::{Claim, Command, KeyDigest, LetterRecord, LetterState, Record, Verb};
use onceward_engine::{Offset, Reason};
use proptest::prelude::*;

fn letter() -> LetterRecord {
    LetterRecord {
        offset: Offset(17),
        epoch: Offset(4),
        state: LetterState::Open,
        replays: 1,
        key: Some(KeyDigest(0xabc)),
        holds: true,
        letter: Offset(3),
        reason: Reason::Exhausted,
        fingerprint: "5f3a".to_owned(),
        time: 1_700_000_000_000,
        again: 0,
    }
}

#[test]
fn the_form_is_the_same_in_every_release() {
    let claim = Claim { prev: Some(Offset(2)), member: "m-1".to_owned(), generation: 9, store: "s".to_owned(), time: 5 };
    let replay = Command {
        id: "c1".to_owned(),
        verb: Verb::Replay,
        letters: vec![(Offset(17), 1), (Offset(19), 0)],
        force: true,
        rate: Some(2_500),
        who: "ops@host".to_owned(),
        time: 6,
    };
    let discard = Command { verb: Verb::Discard, force: false, rate: None, ..replay.clone() };
    let unkeyed = LetterRecord { key: None, holds: false, state: LetterState::Discarded, ..letter() };
    for (record, key, value) in [
        (Record::Claim(claim), "claim/t1", r#"{"v":1,"prev":2,"member":"m-1","generation":9,"store":"s","time":5}"#),
        (
            Record::Letter(letter()),
            "letter/17/4/open-1",
            r#"{"v":1,"key":"00000000000000000000000000000abc","holds":true,"letter":3,"reason":"exhausted","fingerprint":"5f3a","time":1700000000000}"#,
        ),
        (
            Record::Letter(LetterRecord { again: 2, ..letter() }),
            "letter/17/4/open-1/2",
            r#"{"v":1,"key":"00000000000000000000000000000abc","holds":true,"letter":3,"reason":"exhausted","fingerprint":"5f3a","time":1700000000000}"#,
        ),
        (
            Record::Letter(unkeyed),
            "letter/17/4/discarded-1",
            r#"{"v":1,"key":null,"letter":3,"reason":"exhausted","fingerprint":"5f3a","time":1700000000000}"#,
        ),
        (
            Record::Command(replay),
            "command/c1",
            r#"{"v":1,"verb":"replay","letters":[[17,1],[19,0]],"force":true,"rate":2500,"who":"ops@host","time":6}"#,
        ),
        (Record::Command(discard), "command/c1", r#"{"v":1,"verb":"discard","letters":[[17,1],[19,0]],"who":"ops@host","time":6}"#),
    ] {
        let (written, bytes) = encode(&record, "t1");
        assert_eq!((written.to_string().as_str(), std::str::from_utf8(&bytes).unwrap()), (key, value));
        assert_eq!(decode(key.as_bytes(), value.as_bytes()), Ok((written, record)));
    }
}

#[test]
fn what_a_later_version_wrote_is_told_from_what_is_broken() {
    let (key, value) = encode(&Record::Letter(letter()), "");
    let newer = String::from_utf8(value).unwrap().replace("\"v\":1", "\"v\":2").replace("\"reason\":\"exhausted\",", "");
    let told = decode(key.to_string().as_bytes(), newer.as_bytes()).unwrap_err();
    assert_eq!(told, Unreadable::Newer(2));
    assert!(told.to_string().contains("update this program first"), "{told}");
    let told = decode(b"letter/17/4/open-1", b"{\"v\":1}").unwrap_err().to_string();
    assert!(told.contains("missing field"), "{told}");
    for key in [
        "",
        "letter",
        "letter/17/4/open-01",
        "letter/+17/4/open-1",
        "letter/17/4/open-1/x",
        "letter/17/4/open-1/0",
        "letter/17/4/open-1/1/1",
        "letter/17/4/shut-1",
        "claim/",
        "other/1",
    ] {
        assert_eq!(decode(key.as_bytes(), b"{\"v\":1}"), Err(Unreadable::Foreign), "{key}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(key in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..80)) {
        drop(decode(&key, &value));
        drop(Key::parse(&String::from_utf8_lossy(&key)));
        drop(decode(b"letter/1/2/held-0", &value));
    }
}
