//! `convert_image`: another size, another format.

use std::io::Cursor;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use serde::Deserialize;

use crate::done::{Done, Losses, Wrong};

/// The longest side of what is written.
pub(crate) const LONGEST: u32 = 8192;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    data: String,
    format: Option<Target>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    fit: Fit,
    quality: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    Png,
    Jpeg,
    Webp,
    Gif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fit {
    #[default]
    Contain,
    Cover,
    Stretch,
}

/// A picture, written.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mime_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Input {
    /// `pixels`: more are not decoded.
    pub(crate) fn convert(&self, pixels: u64) -> Result<Done<Picture>, Wrong> {
        let bytes = BASE64_STANDARD
            .decode(self.data.trim())
            .map_err(|_| Wrong::new("data is no base64 (RFC 4648, section 4)"))?;
        let mut losses = Losses::default();
        losses.add("metadata of the picture, such as where it was taken, is left out");
        let (source, picture) = decoded(&bytes, pixels, &mut losses)?;
        let picture = self.resized(picture)?;
        let target = self.format.unwrap_or(source);
        let (width, height) = (picture.width(), picture.height());
        let (bytes, mime_type) = self.encoded(picture, target, &mut losses)?;
        Ok(losses.with(Picture { bytes, mime_type, width, height }))
    }

    fn resized(&self, picture: DynamicImage) -> Result<DynamicImage, Wrong> {
        let (wide, high) = (picture.width(), picture.height());
        let asked = [self.width, self.height];
        if asked.iter().flatten().any(|side| *side == 0 || *side > LONGEST) {
            return Err(Wrong(format!("width and height are from 1 to {LONGEST}")));
        }
        if asked == [None, None] {
            return Ok(picture);
        }
        // A side that is not given follows from the other.
        let (width, height) = match asked {
            [Some(width), Some(height)] => (width, height),
            [width, height] => (width.unwrap_or(LONGEST), height.unwrap_or(LONGEST)),
        };
        if (width, height) == (wide, high) {
            return Ok(picture);
        }
        let filter = FilterType::Lanczos3;
        Ok(match self.fit {
            _ if self.width.is_none() || self.height.is_none() => {
                picture.resize(width, height, filter)
            }
            Fit::Contain => picture.resize(width, height, filter),
            Fit::Cover => picture.resize_to_fill(width, height, filter),
            Fit::Stretch => picture.resize_exact(width, height, filter),
        })
    }

    fn encoded(
        &self,
        picture: DynamicImage,
        target: Target,
        losses: &mut Losses,
    ) -> Result<(Vec<u8>, &'static str), Wrong> {
        let mut bytes = Vec::new();
        let color = picture.color();
        if target != Target::Png && color.bytes_per_pixel() > color.channel_count() {
            losses.add("colours of 16 bits have 8");
        }
        let failed = |error: image::ImageError| Wrong(format!("it cannot be written: {error}"));
        let mime_type = match target {
            Target::Png => {
                picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(failed)?;
                "image/png"
            }
            Target::Gif => {
                losses.add("GIF has 256 colours");
                let picture = DynamicImage::from(picture.into_rgba8());
                picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Gif).map_err(failed)?;
                "image/gif"
            }
            Target::Webp => {
                let picture = DynamicImage::from(picture.into_rgba8());
                picture
                    .write_with_encoder(WebPEncoder::new_lossless(&mut bytes))
                    .map_err(failed)?;
                "image/webp"
            }
            Target::Jpeg => {
                losses.add("JPEG keeps no exact colours");
                let quality = self.quality.unwrap_or(85).clamp(1, 100);
                let flat = opaque(&picture, losses);
                let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
                DynamicImage::from(flat).write_with_encoder(encoder).map_err(failed)?;
                "image/jpeg"
            }
        };
        Ok((bytes, mime_type))
    }
}

/// How many pixels there are is asked before any is decoded: a small file may claim any number.
fn decoded(
    bytes: &[u8],
    pixels: u64,
    losses: &mut Losses,
) -> Result<(Target, DynamicImage), Wrong> {
    let unread = |error: &dyn std::fmt::Display| Wrong(format!("it cannot be read: {error}"));
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| unread(&error))?;
    let source = match reader.format() {
        Some(ImageFormat::Png) => Target::Png,
        Some(ImageFormat::Jpeg) => Target::Jpeg,
        Some(ImageFormat::WebP) => Target::Webp,
        Some(ImageFormat::Gif) => Target::Gif,
        _ => return Err(Wrong::new("it is neither PNG, JPEG, WebP nor GIF")),
    };
    if matches!(source, Target::Gif | Target::Webp) || is_animated(bytes) {
        losses.add("of an animation the first picture is kept");
    }
    let mut limits = Limits::default();
    // Eight bytes a pixel: the widest that is decoded has 16 bits in four channels.
    limits.max_alloc = Some(pixels.saturating_mul(8));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| unread(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > pixels {
        return Err(Wrong(format!("it has {width} x {height} pixels, and {pixels} are the most")));
    }
    // Cameras say which side is up in what is left out.
    let orientation = decoder.orientation().map_err(|error| unread(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| unread(&error))?;
    picture.apply_orientation(orientation);
    Ok((source, picture))
}

/// Whether a PNG has more than one picture: that is said before the first (PNG, third edition, 11.3.6).
fn is_animated(png: &[u8]) -> bool {
    let mut chunks = png.windows(4);
    chunks.find(|name| matches!(*name, b"acTL" | b"IDAT")) == Some(b"acTL")
}

/// What shines through is white.
fn opaque(picture: &DynamicImage, losses: &mut Losses) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    losses.add("what was transparent is white");
    let source = picture.to_rgba8();
    let mut flat = RgbImage::new(source.width(), source.height());
    for (to, from) in flat.pixels_mut().zip(source.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let over = |channel: u32| ((channel * alpha + 255 * (255 - alpha)) / 255) as u8;
        *to = Rgb([over(red), over(green), over(blue)]);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn png(width: u32, height: u32) -> String {
        let mut bytes = Vec::new();
        let picture = DynamicImage::from(image::RgbaImage::new(width, height));
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        BASE64_STANDARD.encode(bytes)
    }

    fn convert(input: Value, pixels: u64) -> Result<Done<Picture>, Wrong> {
        serde_json::from_value::<Input>(input).unwrap().convert(pixels)
    }

    #[test]
    fn a_picture_gets_another_size_and_format() {
        for (format, mime_type) in [
            ("png", "image/png"),
            ("jpeg", "image/jpeg"),
            ("webp", "image/webp"),
            ("gif", "image/gif"),
        ] {
            let input = json!({ "data": png(40, 20), "format": format, "width": 10 });
            let done = convert(input, 10_000).unwrap();
            let picture = done.output;
            assert_eq!((picture.mime_type, picture.width, picture.height), (mime_type, 10, 5));
            let (_, again) = decoded(&picture.bytes, 10_000, &mut Losses::default()).unwrap();
            assert_eq!((again.width(), again.height()), (10, 5));
            assert_eq!(done.losses.iter().any(|it| it.contains("white")), format == "jpeg");
        }
        let size = |fit: &str| {
            let input = json!({ "data": png(40, 20), "width": 10, "height": 10, "fit": fit });
            let picture = convert(input, 10_000).unwrap().output;
            (picture.width, picture.height)
        };
        assert_eq!(
            (size("contain"), size("cover"), size("stretch")),
            ((10, 5), (10, 10), (10, 10))
        );
    }

    #[test]
    fn what_a_png_has_more_than_others_is_told() {
        let mut bytes = Vec::new();
        let deep = image::ImageBuffer::<image::Rgb<u16>, _>::new(4, 4);
        let deep = DynamicImage::ImageRgb16(deep);
        deep.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let told = |bytes: &[u8], format: &str| {
            let input = json!({ "data": BASE64_STANDARD.encode(bytes), "format": format });
            convert(input, 1000).unwrap().losses.join("; ")
        };
        assert!(told(&bytes, "webp").contains("16 bits"));
        assert!(!told(&bytes, "png").contains("16 bits"));

        // One picture, and none after it: the chunk that an animation begins with, and its CRC.
        let mut animated = bytes[..33].to_vec();
        animated.extend([0, 0, 0, 8]);
        animated.extend(b"acTL\0\0\0\x01\0\0\0\0\xb4\x2d\xe9\xa0");
        animated.extend(&bytes[33..]);
        assert!(told(&animated, "png").contains("animation"));
        assert!(!told(&bytes, "png").contains("animation"));
    }

    #[test]
    fn more_pixels_than_are_allowed_are_never_decoded() {
        let Wrong(why) = convert(json!({ "data": png(200, 100) }), 19_999).unwrap_err();

        assert_eq!(why, "it has 200 x 100 pixels, and 19999 are the most");
        for data in ["", "!", "AAAA", &BASE64_STANDARD.encode(b"\x89PNG\r\n\x1a\n....")] {
            assert!(convert(json!({ "data": data }), 100).is_err(), "{data}");
        }
    }
}
