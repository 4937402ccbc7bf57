//! The control program. Everything is in the library.

fn main() -> std::process::ExitCode {
    gadugi_router::ctl::main()
}
