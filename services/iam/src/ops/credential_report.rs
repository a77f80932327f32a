//! The credential report: every user and the state of its credentials, as CSV.

use api_iam::{GenerateCredentialReportResponse, GetCredentialReportResponse};
use kernel::{Ctx, Error, Millis, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::at;
use crate::errors;
use crate::state::access_key::{self, AccessKey};
use crate::state::account::{self, Report};
use crate::state::directory::change;
use crate::state::identity::{self, Identity, Kind};
use crate::state::{home, last_used};

/// A report is made anew after this.
const KEPT_MS: Millis = 4 * 3_600_000;

const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                    access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,\
                    cert_2_active,cert_2_last_rotated";
const NONE: &str = "N/A";

fn instant(at: Millis) -> Result<String> {
    let when = OffsetDateTime::from_unix_timestamp(at / 1_000).map_err(Error::internal)?;
    when.format(&Rfc3339).map_err(Error::internal)
}

async fn key_columns(ctx: &Ctx, key: Option<&AccessKey>) -> Result<Vec<String>> {
    let Some(key) = key else {
        return Ok(["false", NONE, NONE, NONE, NONE].map(str::to_owned).to_vec());
    };
    let mut columns = vec![key.is_active.to_string(), instant(key.created_at)?];
    match last_used::find(ctx, &key.id).await? {
        Some(used) => columns.extend([instant(used.at)?, used.region, used.service]),
        None => columns.extend([NONE, NONE, NONE].map(str::to_owned)),
    }
    Ok(columns)
}

async fn row(ctx: &Ctx, user: &Identity) -> Result<String> {
    let home = home(ctx);
    let mut columns = vec![user.name.clone(), user.arn(&home), instant(user.created_at)?];
    match &user.login {
        Some(login) => {
            let changed = instant(login.changed_at)?;
            columns.extend(["true".to_owned(), "no_information".to_owned(), changed, NONE.to_owned()]);
        }
        None => columns.extend(["false", NONE, NONE, NONE].map(str::to_owned)),
    }
    columns.push((!user.mfa_devices.is_empty()).to_string());
    let mut keys = user.access_keys.iter();
    for _ in 0..2 {
        let key = match keys.next() {
            Some(id) => ctx.read(|snap| access_key::find(snap, &home, id)).await?,
            None => None,
        };
        columns.extend(key_columns(ctx, key.as_ref()).await?);
    }
    columns.extend(["false", NONE, "false", NONE].map(str::to_owned));
    Ok(columns.join(","))
}

pub async fn generate_credential_report(ctx: &Ctx, (): ()) -> Result<GenerateCredentialReportResponse> {
    let (home, now) = (home(ctx), ctx.now());
    let known = ctx.read(|snap| account::get(snap, &home)).await?.credential_report;
    if known.is_none_or(|report| now - report.at >= KEPT_MS) {
        let mut rows = vec![HEAD.to_owned()];
        for user in ctx.read(|snap| identity::list(snap, &home, Kind::User)).await? {
            rows.push(row(ctx, &user).await?);
        }
        let csv = rows.join("\n");
        change(ctx, move |tx| {
            let mut account = account::get(tx, &home)?;
            account.credential_report = Some(Report { at: now, csv: csv.clone() });
            account::put(tx, &home, &account)
        })
        .await?;
    }
    Ok(GenerateCredentialReportResponse { state: Some("COMPLETE".to_owned()), description: None })
}

pub async fn get_credential_report(ctx: &Ctx, (): ()) -> Result<GetCredentialReportResponse> {
    let home = home(ctx);
    let account = ctx.read(|snap| account::get(snap, &home)).await?;
    let report = account.credential_report.ok_or_else(errors::no_report)?;
    if ctx.now() - report.at >= KEPT_MS {
        return Err(errors::report_expired());
    }
    Ok(GetCredentialReportResponse {
        content: Some(report.csv.into_bytes().into()),
        report_format: Some("text/csv".to_owned()),
        generated_time: Some(at(report.at)),
    })
}
