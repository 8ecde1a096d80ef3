//! A segment gives back what was put in, and damage is seen.

use super::*;
use crate::event::Key;

fn built(count: u64) -> writer::Built {
    let mut writer = SegmentWriter::new().unwrap();
    for n in 0..count {
        let key = Key { timestamp: 1_000 + (n / 3) as i64, seq: n };
        let text = format!("line {n} {}", "x".repeat((n % 90) as usize));
        writer.push(key, u128::from(n % 5), 2_000, text.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn slice(blob: &[u8], place: Place) -> &[u8] {
    &blob[place.at as usize..(place.at + place.len) as usize]
}

#[test]
fn events_come_back_in_order_with_their_series() {
    let built = built(20_000);
    let index = Index::decode(slice(&built.blob, built.index_place)).unwrap();
    assert_eq!(index, built.index);
    assert!(index.blocks.len() > 2, "several blocks");
    let mut n = 0u64;
    for meta in &index.blocks {
        let block = meta.unpack(slice(&built.blob, meta.place), index.series.len()).unwrap();
        assert_eq!((block.keys[0], block.keys[block.len() - 1]), (meta.first, meta.last));
        for at in 0..block.len() {
            assert_eq!(block.keys[at].seq, n);
            assert_eq!(index.series[block.series[at] as usize].id, u128::from(n % 5));
            assert!(block.payload_of(at).starts_with(format!("line {n} ").as_bytes()));
            n += 1;
        }
    }
    assert_eq!(n, 20_000);
    assert_eq!(index.series[0].stats.events, 4_000);
}

#[test]
fn each_block_has_its_own_filter() {
    let built = built(20_000);
    let all = built.index.filters();
    let filters = slice(&built.blob, all);
    let parts = grams::parts_of_term(b"line 19876 ");
    let may: Vec<bool> = built
        .index
        .blocks
        .iter()
        .map(|b| b.filter_in(filters, all.at).unwrap().may_contain(&parts))
        .collect();
    assert!(may[may.len() - 1]);
    assert!(!may[0]);
}

#[test]
fn a_damaged_block_or_index_is_refused() {
    let built = built(100);
    let meta = &built.index.blocks[0];
    let mut stored = slice(&built.blob, meta.place).to_vec();
    stored[10] ^= 1;
    assert!(meta.unpack(&stored, 5).is_err());
    let mut index = slice(&built.blob, built.index_place).to_vec();
    index[20] ^= 1;
    assert!(Index::decode(&index).is_err());
}

#[test]
fn no_bytes_make_a_block_panic() {
    let built = built(50);
    let raw = zstd::bulk::decompress(slice(&built.blob, built.index.blocks[0].place), 1 << 20).unwrap();
    for cut in 0..raw.len() {
        assert!(Block::decode(&raw[..cut], 5).is_err(), "cut at {cut}");
    }
}
