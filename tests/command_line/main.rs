//! The command `tactful`, and the files it reads and writes.

mod csv_files;
mod effects;
mod evaluate;
mod json_lines;
mod pages;
mod parquet_files;
mod replay;
mod report;
mod segments;
mod simulate;
