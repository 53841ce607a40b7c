//! Names that keshvar gives to a country, and that name another country or could name another.

use super::names::Table;

/// Each name is withdrawn from the country of its row only.
///
/// Most are translations that landed on the wrong row: Syria is not "Republica Dominicana". The Congo, French Guiana
/// and the British Virgin Islands lose the names by which people also mean their neighbours, and Taiwan loses "Republic
/// of China" in the languages that have it, since careless writers mean China.
pub(super) const WITHDRAWN: &Table = &[
    ("AI", "ଆଙ୍ଗୋଲୀୟା"),
    ("AM", "अमेरिका"),
    ("AS", "Sámoa"),
    ("AX", "Olande"),
    ("CD", "Конго Республикасы"),
    (
        "CG",
        "Congo|Kongo|الكونغو|কঙ্গো|Konqo|Конга|Конго|ཀོང་གོ།|Κονγκό|کونگو|An Congó|કોન્ગો|קונגו|कॉंगो|\
         Կոնգո|コンゴ|კონგო|កុងហ្គោ|ಕಾಂಗೋ|콩고|Kongas|കോംഗോ|कोङ्गो|କଙ୍ଗୋ|ਕਾਂਗੋ|කොන්ගෝව|காங்கோ|కాంగో|คองโก|ኮንጎ|\
         Конgо|Công-gô|Kongóo|刚果|剛果",
    ),
    ("CH", "ས་ཝ་ཛི་ལེནཌི།"),
    ("DM", "Доминикана"),
    ("ES", "Pain"),
    ("GF", "Gviāna|Гвиана|Fransız Gvineyası|Gîneya Fransî|Француска Гвинеја|फ्रेन्च जिनिया"),
    ("GN", "ګیانا"),
    ("IM", "मानव द्वीप|मनुष्य का टापू"),
    ("IR", "Republica Dominicana"),
    ("KH", "ਕੋਲੰਬੀਆ"),
    ("KP", "ન્યુ કેલેડોનિયા"),
    ("KR", "દક્ષિણ આફ્રિકા|كورېيە"),
    ("LK", "Князигарии Лихтенштейн"),
    ("LV", "لتونی"),
    ("LY", "លីបេរីយ៉ា"),
    ("MD", "المالديف"),
    ("MF", "Sint-Maarten"),
    ("MK", "Kaledonyaya Nû|ન્યુ કેલેડોનિયા"),
    ("MR", "મોરિશિઆના|மொரிசியேனியா"),
    ("MT", "Male"),
    ("MX", "ಹೊಂಡುರಾಸ್"),
    ("NE", "Nigeri"),
    ("NG", "Nigeri|Нигерь|Nijeri"),
    ("RS", "अझेर्बेजान"),
    ("SX", "Saint Martin (beşa firansî)|সেন্ট মার্টিন (ফ্রেঞ্চ অংশ)|ସିଣ୍ଟ ମାର୍ଟିନ (ଫରାସୀ ଅଂଶ)"),
    ("SY", "Republica Dominicana"),
    ("TG", "Tóga"),
    ("TO", "Тонго"),
    ("TR", "Tiki"),
    (
        "TW",
        "Hiina Vabariik|Pobblaght ny Sheen|Republik Tsiene|Republiko di Chinia|Xitoy Respublikasi|\
         جمہوریۂ چین|د چین جمهوریت|ޖުމްހޫރީ ޗައިނާ|Orílẹ̀-èdè Olómìnira ilẹ̀ Ṣáínà|တရုတ်သမ္မတနိုင်ငံ",
    ),
    ("UM", "US-Amerikanische Hoheitsgebiete|Dépendances américaines"),
    ("VG", "The Virgin Islands"),
    ("ZW", "замбибаби"),
];
