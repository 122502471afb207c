//! What the kernel says about a process: CPU time and memory, from `/proc`.

use crate::error::{Doing, Error, protocol};

/// The CPU time that a process has used so far, all threads, user and system, in nanoseconds.
///
/// The resolution is one clock tick (10 ms), so measure over seconds.
pub fn cpu_ns(pid: u32) -> Result<u64, Error> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).doing(|| format!("read {path}"))?;
    let ticks =
        stat_ticks(&text).ok_or_else(|| protocol("kernel", format!("{path} is not as proc(5) says")))?;
    Ok(ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second()))
}

/// `utime` + `stime` of a `stat` line. The program's name stands in parentheses and may hold anything.
fn stat_ticks(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Resident memory of a process, in bytes.
pub fn rss(pid: u32) -> Result<u64, Error> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).doing(|| format!("read {path}"))?;
    status_kib(&text, "VmRSS")
        .map(|kib| kib * 1024)
        .ok_or_else(|| protocol("kernel", format!("{path} has no VmRSS")))
}

fn status_kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The processor's name, for the report.
pub fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name).to_owned()
}

/// The one-minute load average: a figure from a busy machine is worth less.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stat_behind_a_name_with_parentheses() {
        let line = "12 (a) b (c)) S 1 1 1 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 100 1000 10";
        assert_eq!(stat_ticks(line), Some(42));
        assert_eq!(stat_ticks("12 (a) S 1"), None);
    }

    #[test]
    fn reads_status() {
        assert_eq!(status_kib("Name:\tx\nVmRSS:\t  1234 kB\n", "VmRSS"), Some(1234));
        assert_eq!(status_kib("VmRSSX:\t 1 kB\n", "VmRSS"), None);
    }

    #[test]
    fn knows_this_process() {
        let pid = std::process::id();
        assert!(rss(pid).unwrap() > 100_000);
        assert!(cpu_ns(pid).is_ok());
        assert!(cpu_ns(u32::MAX).unwrap_err().to_string().contains("/proc/4294967295/stat"));
    }
}
