//! Callers: what they ask, and what becomes of the answers.

use services::{OpCtx, ServiceError};

use super::{Event, Happening, World, alive};
use crate::cloud::{caller, scope};
use crate::requests::{Answer, Request};
use crate::trace::short;

impl World {
    pub(super) fn answered(&mut self, request: &Request, answer: Option<Result<Answer, ServiceError>>) {
        let Some(answer) = answer else { return self.trace.note(format!("{request}: no answer")) };
        let wrong = request.judge(&answer, &self.ledger.lock());
        wrong.into_iter().for_each(|text| self.broken(text));
        match answer {
            Ok(Answer::Ran(tasks, failures)) => {
                let names: Vec<&str> = tasks.iter().map(|arn| short(arn)).collect();
                let details: Vec<&str> = failures.iter().map(|(_, detail)| detail.as_str()).collect();
                self.trace.note(format!("{request}: tasks {names:?}, failures {details:?}"));
                self.count("tasks placed", tasks.len());
                self.count("tasks not placed", failures.len());
                for arn in tasks {
                    // A repeated token answers with tasks that are known.
                    if !self.known.contains(&arn) {
                        self.known.push(arn);
                    }
                }
            }
            Ok(Answer::Stopped(_) | Answer::Described(_) | Answer::Served) => {
                self.trace.note(format!("{request}: done"))
            }
            Err(error) => {
                self.trace.note(format!("{request}: {error}"));
                if error.fault == services::error::Fault::Receiver
                    && let Some((again, after)) = request.repeatable()
                {
                    self.after(after, Event::Ask(again));
                }
            }
        }
    }

    /// Asks the control plane, if it is up.
    pub fn request(&mut self, request: Request) {
        let Some(ctx) = self.ctx() else {
            return self.trace.note(format!("{request}: nobody listens"));
        };
        self.count("requests", 1);
        let (sender, gone) = (self.sender.clone(), self.gone());
        tokio::spawn(async move {
            let answer = alive(gone, request.ask(ctx)).await;
            let _ = sender.send(Happening::Answered { request, answer }).await;
        });
    }

    pub(super) fn ctx(&self) -> Option<OpCtx> {
        let control = self.control.as_ref()?;
        Some(OpCtx {
            principal: caller().ok()?,
            scope: scope().ok()?,
            request_id: self.ids.uuid(),
            now: self.clock.now(),
            ids: self.ids.clone(),
            source_ip: None,
            user_agent: None,
            cloud: control.cloud.clone(),
        })
    }
}
