//! Who a container's process is: `user[:group]` looked up in the image's own passwd and group files. Pure.

/// What a lookup found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// The home directory, if the user has an entry.
    pub home: Option<String>,
}

/// Why there is no such user; the text is Docker's, which ECS shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The user has no entry.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    User(String),
    /// The group has no entry.
    #[error("unable to find group {0}: no matching entries in group file")]
    Group(String),
    /// A number is outside of what the kernel accepts.
    #[error("uids and gids must be in range 0-2147483647")]
    Range,
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// Resolves `wanted` (empty is root) with the text of the image's files.
pub fn resolve(wanted: &str, passwd: &str, group: &str) -> Result<User, Error> {
    let (user, wanted_group) = match wanted.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let number = number(user)?;
    let account = accounts(passwd).find(|a| a.name == user || number == Some(a.uid));
    let (uid, gid) = match (&account, number) {
        (Some(account), _) => (account.uid, account.gid),
        (None, Some(uid)) => (uid, 0),
        (None, None) => return Err(Error::User(user.to_string())),
    };
    let home = account.as_ref().map(|account| account.home.to_string()).filter(|home| !home.is_empty());
    if let Some(wanted) = wanted_group {
        return Ok(User { uid, gid: group_id(wanted, group)?, groups: Vec::new(), home });
    }
    let name = account.map_or("", |account| account.name);
    let mut groups: Vec<u32> = memberships(name, group);
    groups.sort_unstable();
    groups.dedup();
    Ok(User { uid, gid, groups, home })
}

fn number(text: &str) -> Result<Option<u32>, Error> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    text.parse::<i32>().map(|n| Some(n.unsigned_abs())).map_err(|_| Error::Range)
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        Some((name, fields.next()?.parse().ok()?, fields.next().unwrap_or_default()))
    })
}

fn group_id(wanted: &str, group: &str) -> Result<u32, Error> {
    let number = number(wanted)?;
    let entry = groups(group).find(|(name, gid, _)| *name == wanted || number == Some(*gid));
    entry.map(|(_, gid, _)| gid).or(number).ok_or_else(|| Error::Group(wanted.to_string()))
}

fn memberships(name: &str, group: &str) -> Vec<u32> {
    let is_member = |members: &str| !name.is_empty() && members.split(',').any(|member| member == name);
    groups(group).filter(|(_, _, members)| is_member(members)).map(|(_, gid, _)| gid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n";
    const GROUP: &str = "root:x:0:root\nbin:x:1:root,daemon\napp:x:1001:\nvideo:x:44:app\n";

    fn check(wanted: &str, uid: u32, gid: u32, groups: &[u32]) {
        let user = resolve(wanted, PASSWD, GROUP).unwrap();
        assert_eq!((user.uid, user.gid, user.groups.as_slice()), (uid, gid, groups), "{wanted}");
    }

    #[test]
    fn names_and_numbers_are_found() {
        check("", 0, 0, &[0, 1]);
        check("app", 1000, 1001, &[44]);
        check("1000", 1000, 1001, &[44]);
        check("app:video", 1000, 44, &[]);
        check("4711", 4711, 0, &[]);
        check("4711:4712", 4711, 4712, &[]);
    }

    #[test]
    fn missing_names_are_told() {
        let error = resolve("nobody", PASSWD, GROUP).unwrap_err().to_string();
        assert_eq!(error, "unable to find user nobody: no matching entries in passwd file");
        assert!(matches!(resolve("app:none", PASSWD, GROUP), Err(Error::Group(_))));
        assert!(matches!(resolve("4294967295", PASSWD, GROUP), Err(Error::Range)));
    }
}
