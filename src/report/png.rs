//! A small picture as PNG: a few colours, drawn into a buffer; what a mail can show without loading anything.
//!
//! Given: a size and a palette. Gives: points, rectangles, lines, and the bytes of a file. Does not: compress: a chart of a
//! few hundred points a side is some kilobytes as it is.

/// A picture of at most four colours.
#[derive(Debug, Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    palette: [[u8; 3]; 4],
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture in the first colour.
    #[must_use]
    pub fn new(width: u32, height: u32, palette: [[u8; 3]; 4]) -> Self {
        Self { width, height, palette, pixels: vec![0; width as usize * height as usize] }
    }

    /// One point; outside the picture nothing.
    pub fn dot(&mut self, x: i32, y: i32, colour: u8) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x < self.width && y < self.height {
            self.pixels[y as usize * self.width as usize + x as usize] = colour & 3;
        }
    }

    /// A filled rectangle from its upper left corner.
    pub fn fill(&mut self, (x, y): (i32, i32), (width, height): (i32, i32), colour: u8) {
        for row in y..y + height {
            for column in x..x + width {
                self.dot(column, row, colour);
            }
        }
    }

    /// A line, three points thick.
    pub fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: u8) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let at = |from: i32, to: i32| from + (to - from) * step / steps;
            self.fill((at(from.0, to.0) - 1, at(from.1, to.1) - 1), (3, 3), colour);
        }
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut head = Vec::with_capacity(13);
        head.extend(self.width.to_be_bytes());
        head.extend(self.height.to_be_bytes());
        // Two bits a point, by palette, not interlaced.
        head.extend([2, 3, 0, 0, 0]);
        chunk(&mut file, *b"IHDR", &head);
        chunk(&mut file, *b"PLTE", &self.palette.concat());
        chunk(&mut file, *b"IDAT", &zlib(&self.rows()));
        chunk(&mut file, *b"IEND", &[]);
        file
    }

    fn rows(&self) -> Vec<u8> {
        let mut rows = Vec::new();
        for row in self.pixels.chunks(self.width.max(1) as usize) {
            rows.push(0);
            rows.extend(
                row.chunks(4)
                    .map(|four| four.iter().enumerate().fold(0_u8, |byte, (n, colour)| byte | (colour << (6 - 2 * n)))),
            );
        }
        rows
    }
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    file.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    let from = file.len();
    file.extend(name);
    file.extend(body);
    let sum = crc32(&file[from..]);
    file.extend(sum.to_be_bytes());
}

/// A zlib stream of stored blocks.
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = if bytes.is_empty() { vec![&[][..]] } else { bytes.chunks(0xffff).collect() };
    for (n, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(n + 1 == blocks.len()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(*block);
    }
    stream.extend(adler32(bytes).to_be_bytes());
    stream
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_picture_is_a_file_of_whole_chunks_and_nothing_is_drawn_outside() {
        let mut picture = Picture::new(5, 2, [[255; 3], [0; 3], [200, 0, 0], [0, 200, 0]]);
        picture.dot(-1, 0, 1);
        picture.dot(5, 0, 1);
        picture.dot(0, 9, 1);
        assert!(picture.pixels.iter().all(|pixel| *pixel == 0));
        picture.line((0, 0), (4, 1), 2);
        let file = picture.encode();
        assert_eq!(&file[..16], b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
        assert_eq!(&file[16..24], &[0, 0, 0, 5, 0, 0, 0, 2]);
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xae\x42\x60\x82");
        // A row: its filter, five points of two bits in two bytes.
        assert_eq!(picture.rows().len(), 2 * 3);
    }
}
