//! The service in a rig: no broker, no file of its own, no waiting. The guide on testing shows what lies between the marks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// shown: once
use onceward::testing::{Rig, SendOptions};

#[test]
fn an_order_that_comes_twice_is_invoiced_once() -> Result<(), onceward::Error> {
    let rig = Rig::new(crate::app()?)?;
    let order = serde_json::json!({"id": "o1", "total": 9.5});
    rig.send("orders", SendOptions::new().key("c1").json(&order).id("e1"))?;
    rig.send("orders", SendOptions::new().key("c1").json(&order).id("e1"))?;
    rig.run()?;
    assert_eq!(rig.handled(), ["e1"]);
    assert_eq!(rig.sql::<(String, f64)>("SELECT order_id, total FROM invoice")?, [("o1".to_owned(), 9.5)]);
    Ok(())
}
// end

// shown: poison
#[test]
fn an_order_without_a_total_is_given_up_with_its_reason() -> Result<(), onceward::Error> {
    let rig = Rig::new(crate::app()?)?;
    rig.send("orders", SendOptions::new().key("c1").json(&serde_json::json!({"id": "o1"})).id("e1"))?;
    rig.run()?;
    let letters = rig.dead_letters();
    assert_eq!((letters[0].reason(), letters[0].attempts()), ("undecodable", 1));
    assert!(letters[0].letter.message.as_deref().unwrap_or_default().contains("missing field `total`"));
    Ok(())
}
// end

// shown: crash
#[test]
fn no_crash_loses_or_doubles_an_invoice() -> Result<(), onceward::Error> {
    for steps in 0.. {
        let rig = Rig::new(crate::app()?)?;
        for number in 0..3 {
            let order = serde_json::json!({"id": format!("o{number}"), "total": 9.5});
            rig.send("orders", SendOptions::new().key("c1").json(&order).id(format!("e{number}")))?;
        }
        let mut left = true;
        for _ in 0..steps {
            left = rig.step()?;
        }
        rig.crash()?;
        rig.run()?;
        assert_eq!(rig.sql::<(i64,)>("SELECT COUNT(*) FROM invoice")?, [(3,)], "a crash after {steps} steps");
        if !left {
            break;
        }
    }
    Ok(())
}
// end
