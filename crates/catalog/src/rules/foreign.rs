//! The plainest orders in other languages. A model obeys them in any.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::finding::Rule;
use crate::rules;

/// Files that no description has to have read.
macro_rules! keys { () => { r"(id_(rsa|ed25519|ecdsa|dsa)\b|\.aws/credentials|/etc/(passwd|shadow)|\.git-credentials|\.kube/config|\.cursor/mcp\.json|claude_desktop_config)" } }
/// Words for reading and sending, as orders.
macro_rules! verbs { () => { r"(\b(lies|lese|sende|kopiere|gib|lis|lisez|ouvrez?|envoyez|transmettez|lee|lea|abre|envia|copia|leia|abra|envie|leggi|apri|invia|lees|stuur|przeczytaj|oku)\b|öffne|übergib|envía|прочитай|открой|отправь|передай|读取|打开|发送|读出|讀取|読み|開い|送信|읽고|읽어|اقرأ)" } }

/// Over text in lower case. Blanks stand for any white space; a letter outside ASCII is several
/// bytes here, so counts are in bytes.
static PATTERNS: &[(&Rule, &str)] = &[
    // German
    (
        &rules::OVERRIDE,
        r"\b(ignorier(e|en sie|t)|vergiss|vergessen sie|missachte)\s+(bitte\s+)?((alle|deine|die|jede|diese)\s+)?(vorherigen|bisherigen|vorigen|obigen|vorangegangenen|fr(ü|ue)heren)\s+(anweisung|instruktion|regel|vorgabe|befehl)",
    ),
    (
        &rules::SECRECY,
        r"\b(sag|sage|sagen sie|verrate?|verraten sie|erw(ä|ae)hne|informiere)\b[^.\n]{0,50}\b(benutzer|nutzer|anwender|kunden|user)\b[^.\n]{0,30}\bnicht(s)?\b|\bdem\s+(benutzer|nutzer|anwender|kunden|user)\s+(davon\s+)?nichts?\b[^.\n]{0,20}\b(sagen|verraten|mitteilen)\b",
    ),
    // French
    (
        &rules::OVERRIDE,
        r"\b(ignore[zr]?|oublie[zr]?)\s+(toutes?\s+)?(les|vos|tes|ces)\s+(instructions|consignes|r(è|e)gles)\s+(pr(é|e)c(é|e)dentes|ant(é|e)rieures|ci-dessus)",
    ),
    (
        &rules::SECRECY,
        r"\bne\s+(dis|dites|r(é|e)v(é|e)le[zr]?|mentionne[zr]?|informe[zr]?)\b[^.\n]{0,30}utilisateur",
    ),
    // Spanish
    (
        &rules::OVERRIDE,
        r"\b(ignor(a|e|en|ar)|olvid(a|e|ar)|descarta)\s+(todas\s+)?(las|tus|sus|estas)\s+(instrucciones|reglas|(ó|o)rdenes|indicaciones)\s+(anteriores|previas)",
    ),
    (
        &rules::SECRECY,
        r"\bno\s+((se|lo|le|les)\s+){0,2}(digas?|diga|cuentes?|menciones?|reveles?|informes?)\b[^.\n]{0,30}usuari",
    ),
    // Portuguese
    (
        &rules::OVERRIDE,
        r"\b(ignor(e|a|ar)|esque(ç|c)a|desconsidere)\s+(todas\s+)?(as|suas)\s+(instru(ç|c)(õ|o)es|regras|ordens)\s+(anteriores|pr(é|e)vias)",
    ),
    (&rules::SECRECY, r"\bn(ã|a)o\s+(conte|diga|mencione|revele|informe)\b[^.\n]{0,30}usu(á|a)ri"),
    // Italian
    (
        &rules::OVERRIDE,
        r"\b(ignora(re|te)?|dimentica(re|te)?)\s+(tutte\s+)?le\s+(istruzioni|regole)\s+(precedenti|anteriori)",
    ),
    (
        &rules::SECRECY,
        r"\bnon\s+(dir(lo|gli|e)|rivelar\w*|menzionar\w*|informare)\b[^.\n]{0,20}utent",
    ),
    // Dutch, Polish, Turkish
    (
        &rules::OVERRIDE,
        r"\b(negeer|vergeet)\s+(alle\s+)?(eerdere|vorige|voorgaande)\s+(instructies|regels|opdrachten)|\b(zignoruj|ignoruj|zapomnij)\s+(o\s+)?(wszystki(e|ch)\s+)?(poprzedni(e|ch)|wcze(ś|s)niejsze)\s+(instrukcj|polece)|(önceki|yukarıdaki)\s+(tüm\s+)?(talimat|yönerge|kural)\S*\s+(yok say|dikkate alma|unut|görmezden gel)",
    ),
    (
        &rules::SECRECY,
        r"\b(vertel|zeg)\b[^.\n]{0,20}\bgebruiker\b[^.\n]{0,20}\bniets?\b|\bnie\s+(m(ó|o)w|informuj|wspominaj)[^.\n]{0,30}u(ż|z)ytkownik|kullanıcıya\s+(\S+\s+)?(söyleme|bildirme|bahsetme)",
    ),
    // Russian
    (
        &rules::OVERRIDE,
        r"(игнорируй(те)?|забудь(те)?|не обращай(те)? внимания на)\s+(все\s+)?(предыдущие|прежние|предшествующие|вышеуказанные|прошлые)\s+(инструкции|указания|правила|команды)",
    ),
    (
        &rules::SECRECY,
        r"не\s+(говори(те)?|сообщай(те)?|рассказывай(те)?|упоминай(те)?)[^.\n]{0,60}пользовател",
    ),
    // Chinese
    (
        &rules::OVERRIDE,
        r"(忽略|无视|無視|忘记|忘記|不要理会)[^\n]{0,24}(之前|以前|以上|先前|前面|上述)[^\n]{0,24}(指令|指示|说明|說明|规则|規則|提示|要求)",
    ),
    (
        &rules::SECRECY,
        r"(不要|别|勿|不得|請勿)(告诉|告知|告訴|通知|提及|透露)[^\n]{0,12}(用户|用戶|使用者)|(不要|别|勿)(向|对|對|跟|和)(用户|用戶|使用者)[^\n]{0,9}(提及|透露|说|說|提起|告知)",
    ),
    // Japanese
    (
        &rules::OVERRIDE,
        r"(以前|これまで|上記|前)[^\n]{0,12}(指示|命令|ルール)[^\n]{0,18}(無視|忘れ)",
    ),
    (
        &rules::SECRECY,
        r"(ユーザー|利用者)[^\n]{0,12}(伝えない|知らせない|言わない|教えない|見せない)",
    ),
    // Korean
    (&rules::OVERRIDE, r"(이전|위|앞)[^.\n]{0,16}(지시|명령|지침)[^.\n]{0,8}(무시|잊)"),
    (&rules::SECRECY, r"(사용자|유저)\S{0,9}\s*(알리지|말하지|보여주지)"),
    // Arabic, Hindi
    (
        &rules::OVERRIDE,
        r"(تجاهل|انس)\s+(جميع\s+|كل\s+)?(التعليمات|الأوامر|القواعد)|(पिछले|पहले के)\s+(सभी\s+)?(निर्देश|आदेश)[^\n]{0,20}(अनदेखा|नज़रअंदाज़|भूल)",
    ),
    (
        &rules::SECRECY,
        r"لا\s+(تخبر|تقل|تذكر)\S*\s+\S{0,16}المستخدم|उपयोगकर्ता\s+को\s+(न|मत)\s*(बता|कह)",
    ),
    (
        &rules::SENSITIVE,
        concat!(verbs!(), r"[^\n]{0,80}", keys!(), "|", keys!(), r"[^\n]{0,80}", verbs!()),
    ),
];

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSetBuilder::new(PATTERNS.iter().map(|(_, pattern)| *pattern))
        .unicode(false)
        .size_limit(64 << 20)
        .build()
        .unwrap_or_else(|_| RegexSet::empty())
});

static EACH: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    PATTERNS
        .iter()
        .map(|(_, pattern)| RegexBuilder::new(pattern).unicode(false).build().ok())
        .collect()
});

/// The rules that a text breaks, which is in lower case, and where.
pub(super) fn look(lower: &str) -> Vec<(&'static Rule, std::ops::Range<usize>)> {
    let hits = SET.matches(lower.as_bytes());
    let found = hits.into_iter().filter_map(|at| {
        let range = EACH.get(at)?.as_ref()?.find(lower.as_bytes())?.range();
        Some((PATTERNS.get(at)?.0, range))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert_eq!(SET.len(), PATTERNS.len());
        assert!(EACH.iter().all(Option::is_some));
    }
}
