//! Refuses to build codecs without their assembly. On x86 both C libraries need `nasm`; the build of
//! OpenH264 leaves it out silently when it is missing, and encodes 2.6 to 3.9 times slower.

use std::env;
use std::process::Command;

/// Set to `1` to accept an OpenH264 without assembly.
const ALLOW_SLOW: &str = "CAMHERD_ALLOW_SLOW_CODECS";

fn main() {
    for name in [ALLOW_SLOW, "OPENH264_NO_ASM", "NASM", "PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(camherd_codec_asm)");

    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if !matches!(arch.as_str(), "x86" | "x86_64") {
        return;
    }
    match missing_asm() {
        None => println!("cargo:rustc-cfg=camherd_codec_asm"),
        Some(why) if env::var(ALLOW_SLOW).as_deref() == Ok("1") => {
            println!("cargo:warning={why}: the H.264 encoder will be about three times slower");
        }
        Some(why) => {
            println!(
                "cargo:warning={why}: the H.264 encoder would be about three times slower. Install nasm (Debian, \
                 Fedora, Homebrew and winget call the package `nasm`), run `cargo clean -p openh264-sys2`, and build again; \
                 {ALLOW_SLOW}=1 builds without it."
            );
            std::process::exit(1);
        }
    }
}

/// Why OpenH264 is built without assembly, if it is.
fn missing_asm() -> Option<String> {
    if env::var_os("OPENH264_NO_ASM").is_some() {
        return Some("OPENH264_NO_ASM is set".to_owned());
    }
    let nasm = env::var("NASM").unwrap_or_else(|_| "nasm".to_owned());
    match Command::new(&nasm).arg("-v").output() {
        Ok(answer) if answer.status.success() => None,
        Ok(answer) => Some(format!("`{nasm} -v` fails ({})", answer.status)),
        Err(error) => Some(format!("the assembler `{nasm}` does not run ({error})")),
    }
}
