//! What holds for every input, not only for the ones we thought of.

#[cfg(test)]
mod generate;
#[cfg(test)]
mod json;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod splice;
#[cfg(test)]
mod sse;
#[cfg(test)]
mod standard;
