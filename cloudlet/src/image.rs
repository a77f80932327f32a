//! `cloudlet image`: images of others, taken from disk or from a registry, for instances to be made of.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use compute::{Imported, Login, OciImages, Place, Reference};
use http::Method;
use indicatif::HumanBytes;

use crate::cli::{Outcome, Problem};
use crate::client::{Client, block_on};
use crate::config::{Endpoint, data_dir};
use crate::lines::{complain, say};
use crate::progress;
use crate::up::tag_of;

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// Unpacks an OCI layout, an OCI archive or a docker archive, and registers it as an AMI of the default account
    Import(Import),
    /// Fetches an image from a registry, unpacks it, and registers it as an AMI of the default account
    Pull(Pull),
    /// Lists what was imported
    List(Kept),
    /// Removes an image that no machine is made of; its AMIs can be launched no more
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The folder or archive, as `skopeo copy`, `buildah push` or `docker save` write it
    path: PathBuf,

    /// What it is called from now on [default: the path's own name]
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    kept: Kept,

    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// As docker names it: `debian:12`, `quay.io/a/b`, `localhost:5000/web@sha256:…`
    reference: String,

    /// What it is called from now on [default: the last part of its name]
    #[arg(long)]
    name: Option<String>,

    /// Who the registry knows you as; the password comes from the environment
    #[arg(long)]
    user: Option<String>,

    #[arg(long, env = "CLOUDLET_REGISTRY_PASSWORD", hide_env_values = true, hide = true)]
    password: Option<String>,

    #[command(flatten)]
    kept: Kept,

    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Debug, Args)]
pub(crate) struct Kept {
    /// The cloud's data folder [default: cloudlet in the user's state folder]
    #[arg(long, env = "CLOUDLET_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    name: String,

    #[command(flatten)]
    kept: Kept,
}

pub(crate) fn run(command: &Image) -> Outcome {
    match command {
        Image::Import(options) => import(options),
        Image::Pull(options) => pull(options),
        Image::List(kept) => list(&images(kept)?),
        Image::Remove(options) => {
            images(&options.kept)?.remove(&options.name).map_err(|e| Problem::new("the image stays", &e))
        }
    }
}

fn images(kept: &Kept) -> Outcome<OciImages> {
    let data = data_dir(kept.data.as_deref())?;
    let place = Place::new(data.join("machines"), tag_of(&data, 0));
    Ok(OciImages::new(place.map_err(|e| Problem::new("images cannot be kept", &e))?))
}

fn import(options: &Import) -> Outcome {
    let name = match &options.name {
        Some(name) => name.clone(),
        None => name_of(&options.path),
    };
    let bar = progress::bar();
    let made = images(&options.kept)?.import(&options.path, &name, &program()?, &progress::moves(&bar));
    bar.finish_and_clear();
    show_and_register(made, &name, &options.endpoint)
}

fn pull(options: &Pull) -> Outcome {
    let from = Reference::parse(&options.reference).map_err(|e| Problem::new("nothing was fetched", &e))?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => name_of(Path::new(&from.name)),
    };
    let login = match (&options.user, &options.password) {
        (Some(user), Some(password)) => Some(Login { user: user.clone(), password: password.clone() }),
        (Some(_), None) => {
            return Err(Problem("there is no password in CLOUDLET_REGISTRY_PASSWORD".to_owned()));
        }
        (None, _) => None,
    };
    let (images, program, bar) = (images(&options.kept)?, program()?, progress::bar());
    let progress = progress::moves(&bar);
    let made = block_on(async { Ok(images.pull(&from, login.as_ref(), &name, &program, &progress).await) })?;
    bar.finish_and_clear();
    show_and_register(made, &name, &options.endpoint)
}

fn program() -> Outcome<PathBuf> {
    std::env::current_exe().map_err(|e| Problem::new("our executable cannot be found", &e))
}

fn show_and_register(made: compute::Result<Imported>, name: &str, endpoint: &Endpoint) -> Outcome {
    let made = made.map_err(|e| Problem::new("the image was not imported", &e))?;
    say(format_args!("{}  {}  {}", made.name, HumanBytes(made.size_bytes), made.digest));
    match register(&endpoint.endpoint, name) {
        Ok(id) => say(id),
        Err(problem) => complain(format_args!(
            "{problem}\nRegister it later: aws ec2 register-image --name {name} --image-location oci:{name}"
        )),
    }
    Ok(())
}

/// The last part of a path, without what an archive's name ends in.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_lowercase();
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// Makes an AMI of it. Returns its id.
fn register(endpoint: &str, name: &str) -> Outcome<String> {
    let client = Client::new(endpoint)?;
    let form = format!(
        "Action=RegisterImage&Version=2016-11-15&Name={name}&ImageLocation=oci%3A{name}&Description={name}"
    );
    let body = Bytes::from(form);
    let headers = client.signed_headers("ec2", &body)?;
    let (status, answer) = block_on(client.send(Method::POST, "/", &headers, body))?;
    let answer = String::from_utf8_lossy(&answer);
    let between = |from: &str, to: &str| Some(answer.split_once(from)?.1.split_once(to)?.0.to_owned());
    match between("<imageId>", "</imageId>").filter(|_| status.is_success()) {
        Some(id) => Ok(id),
        None => Err(Problem(
            between("<Message>", "</Message>").unwrap_or_else(|| format!("the cloud answers {status}")),
        )),
    }
}

fn list(images: &OciImages) -> Outcome {
    let found = images.list().map_err(|e| Problem::new("the images cannot be listed", &e))?;
    for one in &found {
        say(format_args!("{:24} {:>12}  {}", one.name, HumanBytes(one.size_bytes).to_string(), one.digest));
    }
    if found.is_empty() {
        complain("There are no imported images.");
    }
    Ok(())
}
