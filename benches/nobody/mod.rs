//! Somebody to stand behind the web pages who answers nothing, for benches that need no more.

use std::sync::Arc;

use futures::future::BoxFuture;
use shiftwatch::{
    alerts::silence::{Silences, Wish, WishFault},
    http::{
        Details, DrillAnswer, Orders, Records, Silencing,
        orders::{AckError, Acked, Acknowledge, DrillError, PostableAlert, StoreFault},
        records::RecordsFault,
        silencing::SilenceFault,
    },
    report::{
        alert_story::AlertStory,
        api_record::ApiRecord,
        history::{History, Span as HistorySpan},
        on_call_log::OnCallLog,
    },
};

/// Answers nothing.
pub struct Nobody;

impl Orders for Nobody {
    fn acknowledge(&self, _: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>> {
        Box::pin(async { Err(AckError::Unknown) })
    }

    fn post_alerts(&self, _: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }

    fn drill(&self, who: String) -> BoxFuture<'_, Result<DrillAnswer, DrillError>> {
        Box::pin(async move { Err(DrillError::Unknown { who, known: String::new() }) })
    }

    fn drill_stands(&self, _: String) -> BoxFuture<'_, Option<DrillAnswer>> {
        Box::pin(async { None })
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>> {
        Box::pin(async { Ok(String::new()) })
    }
}

impl Silencing for Nobody {
    fn silences(&self) -> Arc<Silences> {
        Arc::default()
    }

    fn set(&self, _: Wish) -> BoxFuture<'_, Result<String, SilenceFault>> {
        Box::pin(async { Err(WishFault::NotFound.into()) })
    }

    fn expire(&self, _: String) -> BoxFuture<'_, Result<(), SilenceFault>> {
        Box::pin(async { Err(WishFault::NotFound.into()) })
    }
}

impl Details for Nobody {}

impl Records for Nobody {
    fn alert_story<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<AlertStory>, RecordsFault>> {
        Box::pin(async { Ok(None) })
    }

    fn history(&self, _: HistorySpan) -> BoxFuture<'_, Result<History, RecordsFault>> {
        Box::pin(async { Err(RecordsFault { why: "there is none".to_owned() }) })
    }

    fn on_call_log(&self, _: u32) -> BoxFuture<'_, Result<OnCallLog, RecordsFault>> {
        Box::pin(async { Err(RecordsFault { why: "there is none".to_owned() }) })
    }

    fn api_record<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<ApiRecord>, RecordsFault>> {
        Box::pin(async { Ok(None) })
    }
}
