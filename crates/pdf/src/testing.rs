//! PDFs for tests.

/// A PDF with a page for each of these contents (ISO 32000-1, 7.8.2). `/F1` is Helvetica, `/F2` is bold,
/// `/F3` of fixed width; a page is 612 by 792 points.
#[must_use]
pub fn pdf(contents: &[String]) -> Vec<u8> {
    let font = |name: &str| {
        format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
    };
    let first = 6;
    let kids: Vec<_> =
        (0..contents.len()).map(|page| format!("{} 0 R", first + 2 * page)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 612 792] /Resources << /Font << \
             /F1 3 0 R /F2 4 0 R /F3 5 0 R >> >> >>",
            kids.join(" "),
            contents.len()
        ),
        font("Helvetica"),
        font("Helvetica-Bold"),
        font("Courier"),
    ];
    for (page, content) in contents.iter().enumerate() {
        let stream = first + 2 * page + 1;
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {stream} 0 R >>"));
        let length = content.len();
        objects.push(format!("<< /Length {length} >>\nstream\n{content}\nendstream"));
    }
    file(&objects, "")
}

/// A file of these objects, numbered from 1, of which the first is its root; `trailer` is added to the
/// trailer.
#[must_use]
pub fn file(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (at, count) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R {trailer} >>\nstartxref\n{at}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// The content of a page with these lines: the font and its size, the place, the text.
#[must_use]
pub fn page(lines: &[(&str, u32, u32, u32, &str)]) -> String {
    let line = |(font, size, x, y, text): &(&str, u32, u32, u32, &str)| {
        let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        format!("BT /{font} {size} Tf {x} {y} Td ({text}) Tj ET\n")
    };
    lines.iter().map(line).collect()
}
