//! The log gives back every whole frame, whatever a crash did to the last one.

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use proptest::prelude::*;

use super::*;
use crate::event::{Batch, Event, Source};

fn append(first_seq: u64, messages: &[&str]) -> Record {
    let event = |(i, m): (usize, &&str)| Event {
        timestamp: Timestamp::from_millis(1_700_000_000_000 + i as i64),
        message: (*m).to_owned(),
    };
    Record::Append {
        first_seq,
        batch: Batch {
            group: LogGroupId::from_bits(1),
            stream: LogStreamId::from_bits(2),
            ingested_at: Timestamp::from_millis(1_700_000_000_500),
            source: Some(Source { id: "spool".into(), offset: first_seq, next: first_seq + 1 }),
            events: messages.iter().enumerate().map(event).collect(),
        },
    }
}

fn records() -> Vec<Record> {
    vec![
        Record::Checkpoint(Checkpoint {
            next_seq: 7,
            sources: vec![("spool".into(), SourceState { next: 7, seen_at: -1 })],
        }),
        append(7, &["first", "", "thïrd"]),
        Record::DropStream(LogGroupId::from_bits(1), LogStreamId::from_bits(u128::MAX)),
        append(10, &["x"]),
        Record::DropGroup(LogGroupId::from_bits(1)),
    ]
}

fn file_of(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = MAGIC.to_vec();
    let mut ends = vec![bytes.len()];
    for record in records {
        put_frame(&mut bytes, &record.encode());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn replayed(bytes: &[u8], may_be_torn: bool) -> Option<(Vec<Record>, u64)> {
    let mut seen = Vec::new();
    let len = replay_file(bytes, may_be_torn, |record| {
        seen.push(record);
        Ok(())
    });
    len.ok().map(|len| (seen, len))
}

#[test]
fn torn_at_any_byte_the_whole_frames_before_it_remain() {
    let (bytes, ends) = file_of(&records());
    for cut in 0..bytes.len() {
        let (seen, len) = replayed(&bytes[..cut], true).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        assert_eq!(seen, records()[..whole.saturating_sub(1)], "cut at {cut}");
        assert_eq!(len as usize, if whole == 0 { 0 } else { ends[whole - 1] });
    }
}

#[test]
fn a_zeroed_tail_is_torn_and_not_a_frame() {
    let (mut bytes, ends) = file_of(&records());
    bytes.resize(bytes.len() + 4096, 0);
    let (seen, len) = replayed(&bytes, true).unwrap();
    assert_eq!((seen, len as usize), (records(), ends[ends.len() - 1]));
}

#[test]
fn an_older_file_may_not_be_torn() {
    let (bytes, _) = file_of(&records());
    assert!(replayed(&bytes, false).is_some());
    assert!(replayed(&bytes[..bytes.len() - 1], false).is_none());
}

#[test]
fn what_was_appended_is_replayed_and_appending_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let all = records();
    let mut wal = Wal::create(dir.path(), 3, &all[0]).unwrap();
    let mut frames = Vec::new();
    put_frame(&mut frames, &all[1].encode());
    assert!(wal.append(&frames).is_ok());
    drop(wal);

    let mut seen = Vec::new();
    let reopen = |seen: &mut Vec<Record>| {
        Wal::open(dir.path(), |generation, record| {
            assert_eq!(generation, 3);
            seen.push(record);
            Ok(())
        })
        .unwrap()
        .unwrap()
    };
    let mut wal = reopen(&mut seen);
    assert_eq!(seen, all[..2]);
    frames.clear();
    put_frame(&mut frames, &all[2].encode());
    assert!(wal.append(&frames).is_ok());
    drop(wal);
    seen.clear();
    reopen(&mut seen);
    assert_eq!(seen, all[..3]);
}

proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(payload in proptest::collection::vec(any::<u8>(), 0..200), kind in 0u8..6) {
        let mut bytes = vec![kind];
        bytes.extend(payload);
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn one_flipped_bit_ends_the_replay_at_its_frame(at in 8usize..200, bit in 0u8..8) {
        let (mut bytes, ends) = file_of(&records());
        prop_assume!(at < bytes.len());
        bytes[at] ^= 1 << bit;
        let (seen, _) = replayed(&bytes, true).unwrap();
        let before = ends.iter().filter(|&&end| end <= at).count() - 1;
        prop_assert_eq!(&seen[..], &records()[..before]);
    }
}
