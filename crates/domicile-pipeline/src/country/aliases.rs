//! Names that people use and the lists of translations lack.

use super::names::Table;

/// Abbreviations, former and unofficial names, and the parts of the United Kingdom.
///
/// `UK` and `EL` are the codes that the European Union has for the United Kingdom and Greece, and no country's in ISO
/// 3166-1. The names of two countries, such as "Korea", "Congo" and "Virgin Islands", are left out on purpose.
pub(super) const ALIASES: &Table = &[
    ("AD", "Principat d'Andorra"),
    ("AE", "UAE|U.A.E.|Emirates|EAU|VAE|ОАЭ"),
    ("AG", "Antigua"),
    ("AT", "Oesterreich|Republik Österreich"),
    ("AX", "Aland Is."),
    ("AZ", "Azerbaijan Republic"),
    ("BA", "Bosnia|Bosnia and Herz.|BiH|Republic of Bosnia and Herzegovina"),
    ("BE", "Belgique-België"),
    ("BF", "Upper Volta|Burkina"),
    ("BJ", "Dahomey"),
    ("BN", "Negara Brunei Darussalam"),
    ("BO", "Estado Plurinacional de Bolivia"),
    ("BQ", "BES Islands|Bonaire, Saint Eustatius and Saba"),
    ("BW", "Bechuanaland"),
    ("BY", "Byelorussia|Belorussia|White Russia"),
    ("BZ", "British Honduras"),
    ("CC", "Cocos Islands|Keeling Islands|Cocos Is."),
    (
        "CD",
        "DRC|D.R.C.|DR Congo|D.R. Congo|RDC|RD Congo|R.D. Congo|Congo DR|Democratic Congo|Zaire|\
         República Democrática del Congo|ДРК",
    ),
    ("CF", "Centrafrique|C.A.R."),
    ("CG", "República del Congo|Repubblica del Congo|Republik Kongo|Республика Конго"),
    (
        "CH",
        "Schweizerische Eidgenossenschaft|Confédération suisse|Confederazione Svizzera|\
         Confoederatio Helvetica|Helvetia",
    ),
    ("CI", "Cote Ivoire|Republic of Ivory Coast"),
    ("CK", "Cook Is."),
    (
        "CN",
        "PRC|P.R.C.|P.R. China|PR China|China, People's Republic|China PR|Mainland China|中华人民共和国|中華人民共和國|\
         КНР|Zhongguo|Çin|République populaire de Chine|Volksrepublik China|República Popular China",
    ),
    ("CV", "Cape Verde Islands|Republic of Cape Verde"),
    ("CX", "Christmas Is."),
    ("CY", "Kıbrıs Cumhuriyeti"),
    ("CZ", "Tschechei|Republic of Czechia"),
    (
        "DE",
        "BRD|Bundesrepublik Deutschland|FR Germany|FRG|F.R.G.|Germany, Federal Republic of|\
         République fédérale d'Allemagne|República Federal de Alemania|ФРГ|Đức",
    ),
    ("DK", "Daenemark|Kongeriget Danmark"),
    ("DO", "Rep. Dominicana|Dominicana"),
    ("EG", "Egypt, Arab Rep."),
    ("EH", "W. Sahara"),
    ("ES", "Reino de España"),
    ("ET", "Abyssinia"),
    ("FI", "Suomen tasavalta"),
    ("FK", "Falklands|Malvinas|Falkland Is.|Falkland Islands (Islas Malvinas)"),
    ("FM", "Micronesia, Fed. Sts.|F.S. Micronesia"),
    ("FO", "Faroes|Faeroe Islands|Faroe Is.|Faeroe Is."),
    ("FR", "République française|Metropolitan France|France métropolitaine"),
    (
        "GB",
        "UK|U.K.|United Kingdom (UK)|Gt. Britain|Britain|G.B.|Scotland|Wales|Cymru|Northern Ireland|Ireland, Northern|\
         N. Ireland|Ulster|U. Kingdom|Utd Kingdom|England and Wales|United Kingdom (Great Britain)|\
         England, UK|Scotland, UK|Wales, UK|Northern Ireland, UK|\
         UK of Great Britain and Northern Ireland|Schottland|Écosse|Escocia|Scozia|Inglaterra|Angleterre|\
         Inghilterra|Engeland|Gales|Pays de Galles|Irlanda del Norte|Irlande du Nord|Nordirland|\
         Gran Bretagna|Grande-Bretagne|Gran Bretaña|Grã-Bretanha|Англия|Шотландия",
    ),
    ("GE", "Republic of Georgia|Sakartvelo"),
    ("GF", "Fr. Guiana"),
    ("GH", "Gold Coast"),
    ("GM", "Gambia, Rep."),
    ("GN", "Guinea-Conakry|Guinée-Conakry|Guinea Republic"),
    ("GQ", "Eq. Guinea|Equat. Guinea"),
    ("GR", "EL|Ellada|Ellas|Ελλάς"),
    ("GS", "South Georgia & the South Sandwich Is."),
    ("GY", "British Guiana|Republic of Guyana"),
    (
        "HK",
        "Hong Kong SAR|Hong Kong, China|Hong Kong S.A.R.|Hong Kong SAR, China|H.K.|Hongkong SAR|\
         China, Hong Kong SAR|China, Hong Kong Special Administrative Region|\
         Hong Kong Special Administrative Region|Xianggang",
    ),
    ("HM", "Heard & McDonald Is.|Heard Island"),
    ("HR", "Republika Hrvatska"),
    ("HU", "Republic of Hungary|Magyar Köztársaság"),
    (
        "IE",
        "Republic of Ireland|Irish Republic|Southern Ireland|Ireland, Rep.|Irish Free State|\
         République d'Irlande|Republik Irland",
    ),
    ("IM", "Isle Of Mann|Ellan Vannin"),
    ("IN", "Bharat|Hindustan|Bhārat Gaṇarājya"),
    ("IO", "BIOT|Chagos Islands|Chagos|Br. Indian Ocean Ter."),
    ("IR", "Persia|I.R. Iran"),
    ("IS", "Republic of Iceland"),
    ("IT", "Repubblica Italiana"),
    ("JO", "Transjordan"),
    ("JP", "Nippon|日本国|日本國"),
    ("KG", "Kirghizia|Kirgizia|Kirghizstan"),
    ("KH", "Kampuchea"),
    ("KI", "Gilbert Islands"),
    ("KN", "St. Kitts|Saint Christopher and Nevis"),
    ("KP", "DPRK|D.P.R.K.|DPR Korea|N. Korea|Korea, Dem. Rep.|Korea DPR|КНДР|조선|북조선|북한|北朝鮮|Choson"),
    ("KR", "ROK|R.O.K.|S. Korea|한국|남한|韓国|韓國|南韓|Hanguk|République de Corée|República de Corea|Republik Korea"),
    ("KY", "Caymans|Cayman Is."),
    ("KZ", "Qazaqstan"),
    ("LA", "Lao PDR|Lao P.D.R.|Laos PDR"),
    ("LK", "Ceylon"),
    ("LS", "Basutoland"),
    ("LV", "Latvijas Republika"),
    ("LY", "Libya Arab Jamahiriya|Socialist People's Libyan Arab Jamahiriya"),
    ("MA", "Al-Maghrib"),
    ("MF", "Collectivité de Saint-Martin"),
    ("MG", "Malagasy Republic"),
    ("MH", "Marshalls|Marshall Is."),
    (
        "MK",
        "Македонија|Македония|FYROM|F.Y.R.O.M.|FYR Macedonia|Former Yugoslav Republic of Macedonia|Macedonia, FYR|\
         TFYR Macedonia|N. Macedonia|Republic of Macedonia|TFYROM|Macedonia, North",
    ),
    ("MM", "Burma/Myanmar|Republic of Myanmar|Union of Myanmar|Union of Burma"),
    (
        "MO",
        "Macau SAR|Macao SAR|Macao, China|Macau, China|Macao SAR, China|Macau S.A.R.|China, Macao SAR|\
         Macao Special Administrative Region|China, Macao Special Administrative Region",
    ),
    ("MP", "N. Mariana Islands|N. Mariana Is.|Northern Marianas|CNMI|Northern Mariana Is."),
    ("MV", "Maldive Islands|Maldives Islands"),
    ("MW", "Nyasaland"),
    ("MX", "Estados Unidos Mexicanos|Méjico"),
    ("NA", "South West Africa"),
    ("NL", "Nederlands|Hollande|Netherland|Голландия"),
    ("NZ", "Aotearoa New Zealand|N.Z."),
    ("PF", "Fr. Polynesia"),
    ("PG", "P.N.G.|Papua N.G.|Papua New Guinea (PNG)"),
    ("PH", "Philippine Islands|Philippine Republic"),
    ("PL", "Rzeczpospolita Polska"),
    ("PN", "Pitcairn Island|Pitcairn Is."),
    (
        "PS",
        "Palestinian Territory|Palestinian Territories|Occupied Palestinian Territories|\
         West Bank and Gaza|West Bank & Gaza Strip",
    ),
    ("PT", "República Portuguesa"),
    ("RE", "La Reunion|Reunion Island|Île de la Réunion"),
    (
        "RU",
        "Russian Fed.|Rossiya|Rossija|РФ|Fédération de Russie|Federación de Rusia|Russia Federation|\
         Federazione Russa",
    ),
    ("SA", "KSA|K.S.A.|Saudi|المملكة العربية السعودية"),
    ("SB", "Solomons|Solomon Is."),
    ("SE", "Konungariket Sverige"),
    ("SI", "Republika Slovenija"),
    ("SJ", "Svalbard|Jan Mayen|Spitsbergen|Svalbard and Jan Mayen Islands|Svalbard & Jan Mayen Is."),
    ("SK", "Slovenská republika"),
    ("SR", "Dutch Guiana"),
    ("SS", "S. Sudan|Southern Sudan"),
    ("ST", "Sao Tome"),
    ("SX", "St. Maarten|St. Martin (Dutch part)"),
    ("SY", "Arab Republic of Syria"),
    ("SZ", "Kingdom of Swaziland"),
    ("TC", "Turks and Caicos Is."),
    ("TF", "French Southern and Antarctic Territories|French Southern Lands|TAAF"),
    ("TH", "Siam|Prathet Thai"),
    ("TL", "E. Timor|Portuguese Timor|República Democrática de Timor-Leste"),
    ("TR", "Turkey (Türkiye)|Republic of Turkey|Türkiye Cumhuriyeti|Tuerkei"),
    ("TT", "Trinidad"),
    ("TV", "Ellice Islands"),
    (
        "TW",
        "Taiwan, R.O.C.|Taiwan ROC|Taiwan, China|Chinese Taipei|Taiwan, Republic of China|\
         Republic of China (Taiwan)|Formosa",
    ),
    ("UM", "US Minor Outlying Islands|U.S. Minor Outlying Islands|U.S. Outlying Islands|US Minor Is."),
    (
        "US",
        "USA|U.S.A.|U.S.|United States (USA)|United States of America (USA)|America|The States|\
         United States (US)|The US|US of A|Amérique|EE.UU.|EEUU|E.E.U.U.|EUA|E.U.A.|\
         Estados Unidos da América|États-Unis d'Amérique|Stati Uniti d'America|\
         Vereinigte Staaten v. Amerika|Verenigde Staten van Amerika|Америка|アメリカ|미합중국|अमेरिका|अमरीका|\
         أمريكا|أميركا|ABD|Förenta staterna|Hoa Kỳ",
    ),
    ("UZ", "O'zbekiston|Uzbekiston"),
    (
        "VA",
        "Holy See (Vatican)|Vatican City State|Vatican State|Stato della Città del Vaticano|Vaticano|\
         Santa Sede|Saint-Siège",
    ),
    ("VC", "Saint Vincent"),
    ("VE", "Venezuela, RB|República Bolivariana de Venezuela"),
    ("VG", "BVI|B.V.I.|Virgin Islands (UK)|UK Virgin Islands|British Virgin Is."),
    (
        "VI",
        "USVI|U.S.V.I.|US Virgin Islands|American Virgin Islands|Virgin Islands (US)|\
         Virgin Islands (USA)|U.S. Virgin Is.",
    ),
    ("VN", "Socialist Republic of Vietnam|S.R. Vietnam|CHXHCN Việt Nam"),
    ("VU", "New Hebrides"),
    ("WF", "Wallis & Futuna Islands|Wallis and Futuna Is."),
    ("WS", "Western Samoa"),
    ("YE", "Yemen, Rep."),
    ("ZA", "RSA|R.S.A.|S. Africa|South African Republic|ЮАР|Suedafrika"),
    ("ZM", "Northern Rhodesia"),
    ("ZW", "Southern Rhodesia"),
];
