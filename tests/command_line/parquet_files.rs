//! Logs from Parquet: the same as from CSV, lists, and damage that is told.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tactful::evaluation::csv::{Columns, Sheet};
use tactful::evaluation::{Estimator, Evaluator, Question, Round, Stream};
use tactful::policy::Uniform;

const SCHEMA: &str = "message log {
    required binary mail (UTF8); optional binary stage (UTF8); required float p; required int64 paid;
    required double pe_a; required double pe_b;
    required group could (LIST) { repeated group list { required binary element (UTF8); } }
}";

/// What the target's columns say of a and b in every row: as many digits as a number has.
const SHARES: [f64; 2] = [0.123_456_789_012_345_67, 0.876_543_210_987_654_3];

/// Two row groups of the same four rows, the paid column with this in its first.
fn write(path: &Path, compression: Compression, paid: i64, p: f32) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for first in [paid, 1] {
        let mut group = writer.next_row_group().unwrap();
        let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(&["b", "a", "a", "b"]), None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels = [1, 1, 0, 1];
        column.typed::<ByteArrayType>().write_batch(&texts(&["x", "y", "x"]), Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<FloatType>().write_batch(&[p, 0.1, 0.25, 1.0], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[first, 0, 1, 0], None, None).unwrap();
        column.close().unwrap();
        for share in SHARES {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&[share; 4], None, None).unwrap();
            column.close().unwrap();
        }
        // Lists [a, b], [a], [a], [b].
        let mut column = group.next_column().unwrap().unwrap();
        let members = texts(&["a", "b", "a", "a", "b"]);
        column.typed::<ByteArrayType>().write_batch(&members, Some(&[1; 5]), Some(&[0, 1, 0, 0, 0])).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tactful-{}-{name}", std::process::id()))
}

fn columns() -> Columns {
    Columns::new("mail", "paid").segment("stage").propensity("p").eligible("could").target("pe_")
}

#[test]
fn the_same_rounds_as_from_csv() {
    let [a, b] = SHARES;
    let row = format!("b,x,0.5,1,{a},{b},a|b\na,y,0.1,0,{a},{b},a\na,,0.25,1,{a},{b},a\nb,x,1,0,{a},{b},b\n");
    let csv = format!("mail,stage,p,paid,pe_a,pe_b,could\n{row}{row}");
    let answered = |sheet: &Sheet| {
        let target = sheet.target.as_ref().unwrap();
        let evaluator = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]);
        evaluator.evaluate(&Question::new(&sheet.log, target)).unwrap()
    };
    let sheet = columns().read_sheet(csv.as_bytes(), "").unwrap();
    let (expected, answer): (Vec<Round>, _) = (sheet.log.rounds().iter().collect(), answered(&sheet));
    let path = file("same.parquet");
    let gzip = Compression::GZIP(GzipLevel::default());
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, gzip] {
        write(&path, compression, 1, 0.5);
        let sheet = columns().open_sheet(&path).unwrap();
        assert_eq!(sheet.log.rounds().iter().collect::<Vec<_>>(), expected, "{compression}");
        assert_eq!(answered(&sheet), answer);
    }
    let told = columns().read(File::open(&path).unwrap(), "log").unwrap_err().to_string();
    assert!(told.starts_with("log: Parquet is read from a file"), "{told}");
    fs::remove_file(path).unwrap();
}

/// Damage in a column that nobody asks for is not even read; a file is streamed, one row group after another.
#[test]
fn only_the_columns_asked_for_are_read() {
    let path = file("some.parquet");
    write(&path, Compression::UNCOMPRESSED, 1, 0.5);
    let columns = || Columns::new("mail", "paid").propensity("p");
    let expected: Vec<Round> = columns().open(&path).unwrap().rounds().iter().collect();
    assert_eq!(expected.len(), 8);
    let mut damaged = fs::read(&path).unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    for group in 0..2 {
        for column in 4..6 {
            let (start, length) = reader.metadata().row_group(group).column(column).byte_range();
            damaged[start as usize..(start + length) as usize].fill(0xff);
        }
    }
    fs::write(&path, &damaged).unwrap();
    assert!(columns().target("pe_").open(&path).is_err(), "who asks is told of the damage");
    let log = columns().open(&path).unwrap();
    assert_eq!(log.rounds().iter().collect::<Vec<_>>(), expected);

    let file = columns().survey(&path).unwrap();
    let plain = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]);
    let asked = Stream::builder(file.outline().clone(), &Uniform).evaluator(plain.clone());
    let streamed = file.evaluate(asked).unwrap();
    assert_eq!(streamed.evaluation, plain.evaluate(&Question::new(&log, &Uniform)).unwrap());
    fs::remove_file(path).unwrap();
}

#[test]
fn faults_name_row_and_column_and_damage_is_told() {
    let path = file("bad.parquet");
    write(&path, Compression::SNAPPY, 1, 1.5);
    let told = |columns: Columns| columns.open(&path).unwrap_err().to_string();
    assert!(told(columns()).ends_with(r#"line 1, column "p": propensity 1.5 is not above 0 and at most 1"#));
    assert!(told(columns().cluster("home")).contains(r#"column "home": there is no such column"#));
    assert!(told(Columns::new("mail", "stage")).contains(r#"column "stage": "x" is not a number"#));
    write(&path, Compression::SNAPPY, 1, 0.5);
    let whole = fs::read(&path).unwrap();
    for cut in [4, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(!told(columns()).contains('\n'), "cut at {cut}");
    }
    // A footer that claims to be 2 GB long.
    let mut claimed = whole.clone();
    let place = claimed.len() - 8;
    claimed[place..place + 4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    fs::write(&path, &claimed).unwrap();
    assert!(!told(columns()).is_empty());
    // Whatever a byte is changed to, there is a log or one line.
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        if let Err(error) = columns().open(&path) {
            assert!(!error.to_string().contains('\n'), "byte {place}: {error}");
        }
    }
    fs::remove_file(path).unwrap();
}
