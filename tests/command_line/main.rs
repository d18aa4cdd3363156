//! The command `tactful`, and the files it reads and writes.

mod command;
mod csv_files;
mod effects;
mod evaluate;
mod evaluate_data;
mod evaluate_stream;
mod json_lines;
mod pages;
mod parquet_files;
mod replay;
mod replay_journals;
mod report;
mod rereading;
mod segments;
mod simulate;
