//! The program's own code in memory.

use std::fs;

use crate::error::{Result, Trying};
use crate::sys::Code;

/// Lets go of all pages of the program's code that it has in memory, and says how many bytes of addresses that were.
/// Starting goes once through code all over the program; what is needed after comes back from the file, where the
/// kernel still has it, as it is run (proc(5), `/proc/pid/maps`; madvise(2), `MADV_DONTNEED`).
///
/// # Errors
/// Where the host does not tell what this process has in memory.
pub fn let_go_of_code() -> Result<usize> {
    let program = fs::read_link("/proc/self/exe").trying(|| "find our executable".to_owned())?;
    let maps = fs::read_to_string("/proc/self/maps").trying(|| "read our memory's map".to_owned())?;
    let mut bytes = 0;
    for code in maps.lines().filter_map(|line| Code::of(line, &program)) {
        code.let_go().trying(|| "let go of our code".to_owned())?;
        bytes += code.bytes();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::let_go_of_code;
    use crate::sys::Code;

    #[test]
    fn only_code_of_the_program_is_let_go_of() {
        let program = Path::new("/usr/local/bin/the cloud");
        let code = |rights: &str, path: &str| {
            let line = format!("00f82000-03567000 {rights} 00d81000 fe:00 5375952       {path}");
            Code::of(&line, program).map(|code| code.bytes())
        };
        assert_eq!(code("r-xp", "/usr/local/bin/the cloud"), Some(0x356_7000 - 0xf8_2000));
        assert_eq!(code("r--p", "/usr/local/bin/the cloud"), None);
        assert_eq!(code("rwxp", "/usr/local/bin/the cloud"), None);
        assert_eq!(code("r-xp", "/usr/lib/libc.so.6"), None);
        assert!(Code::of("7ffc0000-7ffd0000 rw-p 00000000 00:00 0", program).is_none());
    }

    #[test]
    fn what_runs_goes_on_without_what_it_let_go_of() {
        let resident = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let before = resident();
        assert!(let_go_of_code().unwrap() > 1 << 20);
        assert!(resident() < before);
    }
}
