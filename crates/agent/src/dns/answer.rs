//! Answers out of what the control plane knows. Pure.

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use wire::link::NameRecords;

use super::resolver::Transport;

/// The size that every client of UDP takes.
const SMALL: u16 = 512;

/// An answer without records.
pub fn refusal(question: &Message, code: ResponseCode) -> Option<Vec<u8>> {
    let mut message = reply(question);
    message.metadata.response_code = code;
    message.to_vec().ok()
}

/// An answer with the records of the kind that is asked for: a name that has others only is there, and empty.
pub fn records(question: &Message, records: &NameRecords, transport: Transport) -> Option<Vec<u8>> {
    let query = question.queries.first()?;
    let (name, kind) = (query.name(), query.query_type());
    let mut message = reply(question);
    let record = |data: RData| Record::from_rdata(name.clone(), records.ttl, data);
    let asks = |wanted: RecordType| kind == wanted || kind == RecordType::ANY;
    if let Some(alias) = records.alias.as_ref().and_then(|alias| Name::from_ascii(alias).ok()) {
        message.add_answer(record(RData::CNAME(CNAME(absolute(alias)))));
    } else {
        if asks(RecordType::A) {
            message.add_answers(records.addresses.iter().map(|address| record(RData::A((*address).into()))));
        }
        if asks(RecordType::SRV) {
            for service in &records.services {
                let Ok(target) = Name::from_ascii(&service.target) else { continue };
                let target = absolute(target);
                if let Some(address) = service.address {
                    let address = RData::A(address.into());
                    message.add_additional(Record::from_rdata(target.clone(), records.ttl, address));
                }
                let data = SRV::new(service.priority, service.weight, service.port, target);
                message.add_answer(record(RData::SRV(data)));
            }
        }
    }
    let bytes = message.to_vec().ok()?;
    let room = match transport {
        Transport::Datagram => usize::from(question.max_payload().max(SMALL)),
        Transport::Stream => usize::from(u16::MAX),
    };
    if bytes.len() <= room { Some(bytes) } else { message.truncate().to_vec().ok() }
}

fn absolute(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}

fn reply(question: &Message) -> Message {
    let mut message = Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    message.metadata.recursion_desired = question.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(question.queries.iter().cloned());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use wire::link::ServiceRecord;

    fn ask(kind: RecordType, known: &NameRecords, transport: Transport) -> Message {
        let mut question = Message::query();
        question.add_query(Query::query(Name::from_ascii("web.example.local.").unwrap(), kind));
        Message::from_vec(&records(&question, known, transport).unwrap()).unwrap()
    }

    fn known(count: u8) -> NameRecords {
        NameRecords {
            ttl: 60,
            addresses: (0..count).map(|last| [10, 0, 0, last].into()).collect(),
            services: vec![ServiceRecord {
                priority: 1,
                weight: 1,
                port: 8080,
                target: "a.web.example.local".into(),
                address: Some([10, 0, 0, 1].into()),
            }],
            alias: None,
        }
    }

    #[test]
    fn only_records_of_the_asked_kind_are_answered() {
        let answer = ask(RecordType::A, &known(2), Transport::Datagram);
        assert_eq!((answer.answers.len(), answer.answers[0].ttl), (2, 60));
        let empty = ask(RecordType::AAAA, &known(2), Transport::Datagram);
        assert_eq!((empty.answers.len(), empty.metadata.response_code), (0, ResponseCode::NoError));
        let service = ask(RecordType::SRV, &known(2), Transport::Datagram);
        assert_eq!((service.answers.len(), service.additionals.len()), (1, 1));
    }

    #[test]
    fn long_answers_are_cut_over_udp_alone() {
        let cut = ask(RecordType::A, &known(200), Transport::Datagram);
        assert!(cut.metadata.truncation && cut.answers.is_empty());
        assert_eq!(ask(RecordType::A, &known(200), Transport::Stream).answers.len(), 200);
    }

    #[test]
    fn an_alias_is_the_only_record() {
        let alias = NameRecords { alias: Some("other.example.org".into()), ..known(1) };
        let answer = ask(RecordType::A, &alias, Transport::Datagram);
        assert!(matches!(&answer.answers[..], [one] if one.record_type() == RecordType::CNAME));
    }
}
