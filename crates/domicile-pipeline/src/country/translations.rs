//! Names in other languages, as the Unicode Common Locale Data Repository has them, where keshvar has none or another.

use super::names::Table;

/// Keshvar often has the official form only: "Federacja Rosyjska", where a Pole writes "Rosja".
pub(super) const TRANSLATIONS: &Table = &[
    ("AD", "Ανδόρα|एंडोरा|আন্ডোরা|Անդորրա"),
    (
        "AE",
        "阿拉伯联合酋长国|De Forenede Arabiske Emirater|Arabiemiirikunnat|Обʼєднані Арабські Емірати|\
         የተባበሩት ዓረብ ኤምሬትስ|არაბთა გაერთიანებული საამიროები|সংযুক্ত আরব আমিরাত|\
         Արաբական Միացյալ Էմիրություններ",
    ),
    ("AF", "अफ़गानिस्तान|Avganistan|አፍጋኒስታን"),
    (
        "AG",
        "أنتيغوا وبربودا|एंटिगुआ और बरबुडा|Antigva i Barbuda|አንቲጓ እና ባርቡዳ|Антига и Барбуда|\
         انٹیگوا اور باربودا|Antiqua və Barbuda|Անտիգուա և Բարբուդա",
    ),
    (
        "AI",
        "安奎拉|آنگویلا|एंग्विला|Ангвила|አንጉይላ|ანგილია|Anguilë|Angvilla|Aingira|অ্যাঙ্গুইলা|انگوئیلا|\
         Անգուիլա|Angaíle",
    ),
    ("AL", "البانیہ"),
    ("AM", "आर्मेनिया|Jermenija|አርሜኒያ|სომხეთი|Հայաստան"),
    ("AO", "Αγκόλα|አንጐላ"),
    (
        "AQ",
        "Antarktyda|남극 대륙|אנטארקטיקה|አንታርክቲካ|Antarktikë|Антарктыка|Antaktiki|অ্যান্টার্কটিকা|انٹارکٹیکا|\
         Antartaice",
    ),
    ("AR", "अर्जेंटीना|አርጀንቲና|Ajentina|আর্জেন্টিনা|ارجنٹینا"),
    (
        "AS",
        "Американское Самоа|ساموا الأمريكية|아메리칸 사모아|ساموآی امریکا|Samoa thuộc Mỹ|ASV Samoa|የአሜሪካ ሳሞአ|\
         ამერიკის სამოა|Bandaríska Samóa|Samoa Estatubatuarra|Samoa ya Marekani|امریکی ساموآ|\
         Америкалық Самоа|Amerika Samoasi|Samó Mheiriceá",
    ),
    ("AT", "Аустрия"),
    ("AU", "አውስትራልያ|Аустралия"),
    ("AW", "荷屬阿魯巴|አሩባ|Arubë"),
    (
        "AX",
        "Îles Åland|Ålandinseln|Alanda|Аландские о-ва|Νήσοι Όλαντ|איי אולנד|جزایر آلاند|एलैंड द्वीपसमूह|\
         Quần đảo Åland|Оландска Острва|Olandska Ostrva|Оландски острови|Alandų Salos|Olandes salas|\
         Ålandski otoki|የአላንድ ደሴቶች|Ishujt Alandë|অলান্ড দ্বীপপুঞ্জ|آلینڈ آئلینڈز",
    ),
    ("AZ", "جمهوری آذربایجان|አዘርባጃን|Azerbaijani|Azerbeidjan"),
    (
        "BA",
        "Bosnia ed Erzegovina|البوسنة والهرسك|波士尼亞與赫塞哥維納|Bosnien och Hercegovina|Bosnia ja Hertsegovina|\
         Βοσνία - Ερζεγοβίνη|बोस्निया और हर्ज़ेगोविना|Bosnia và Herzegovina|Bosnjë-Hercegovinë|\
         Bosnia na Hezegovina|বসনিয়া ও হার্জেগোভিনা|بوسنیا اور ہرزیگووینا|Bosniya va Gertsegovina|\
         Bosniya və Herseqovina|Բոսնիա և Հերցեգովինա|an Bhoisnia agus an Heirseagaivéin",
    ),
    ("BB", "Μπαρμπέιντος|Babadosi|বার্বাডোজ"),
    ("BD", "بنغلاديش|孟加拉国|ባንግላዲሽ"),
    ("BF", "बुर्किना फ़ासो|Bukinafaso|বুরকিনা ফাসো"),
    ("BG", "Bullgari|বুলগেরিয়া"),
    ("BH", "Bahareni|বাহারিন|Bəhreyn"),
    ("BI", "Burundija|ብሩንዲ"),
    (
        "BL",
        "Сен-Бартелеми|圣巴泰勒米|S:t Barthélemy|Сен-Бартелемі|סנט ברתולומיאו|سن بارتلمی|เซนต์บาร์เธเลมี|\
         Sen Bartelemi|ሴንት ባርቴሌሚ|სენ-ბართელმი|Свети Вартоломеј|Sankti Bartólómeusareyjar|سینٹ برتھلیمی|\
         Sent-Bartelemi|Սուրբ Բարդուղիմեոս",
    ),
    (
        "BM",
        "Бермудские о-ва|Бермудски острови|Bermudu salas|Bermúdaeyjar|বারমুডা|Bermud adaları|Բերմուդներ|\
         Beirmiúda",
    ),
    (
        "BN",
        "بروناي|ブルネイ|브루나이|Μπρουνέι|ברוניי|برونئی|ब्रूनेई|บรูไน|Брунеј|Brunėjus|Bruneja|ብሩኒ|ბრუნეი|\
         ব্রুনেই|برونائی|Brúiné",
    ),
    ("BO", "玻利维亚|बोलीविया|ቦሊቪያ|বলিভিয়া"),
    (
        "BQ",
        "Caribe neerlandés|Pays-Bas caribéens|Karibische Niederlande|Caraibi Olandesi|\
         Países Baixos Caribenhos|Niderlandy Karaibskie|Бонэйр, Синт-Эстатиус и Саба|Karayip Hollandası|\
         هولندا الكاريبية|荷属加勒比区|オランダ領カリブ|네덜란드령 카리브|Karibiska Nederländerna|\
         De tidligere Nederlandske Antiller|Karibisk Nederland|Karibian Alankomaat|Karibské Nizozemsko|\
         Karibské Holandsko|Holland Karib-térség|Insulele Caraibe Olandeze|Ολλανδία Καραϊβικής|\
         Карибські Нідерланди|האיים הקריביים ההולנדיים|جزایر کارائیب هلند|कैरिबियन नीदरलैंड|\
         Belanda Karibia|Ca-ri-bê Hà Lan|เนเธอร์แลนด์แคริบเบียน|Carib Neerlandès|\
         Karipski otoci Nizozemske|Карипска Холандија|Karipska Holandija|Карибска Нидерландия|\
         Karibų Nyderlandai|Nīderlandes Karību salas|Kariibi Madalmaad|Nizozemski Karibi|የካሪቢያን ኔዘርላንድስ|\
         კარიბის ნიდერლანდები|Karaibet holandeze|Karíbahafshluti Hollands|Karibeko Herbehereak|\
         Карыбскія Нідэрланды|Uholanzi ya Karibiani|ক্যারিবিয়ান নেদারল্যান্ডস|کریبیائی نیدرلینڈز|\
         Бонэйр, Синт-Эстатиус және Саба|Boneyr, Sint-Estatius va Saba|Karib Niderlandı|\
         Կարիբյան Նիդեռլանդներ|Karibiese Nederland|an Ísiltír Chairibeach",
    ),
    (
        "BS",
        "Baamas|איי בהאמה|Бахамски острови|Bahamu salas|বাহামা দ্বীপপুঞ্জ|بہاماس|Bagama orollari|\
         Baham adaları|Բահամյան կղզիներ",
    ),
    (
        "BV",
        "о-в Буве|جزيرة بوفيه|布韦岛|부베섬|Bouvetøen|האי בובה|جزیرهٔ بووه|बोवेत द्वीप|Đảo Bouvet|เกาะบูเว|\
         Острво Буве|Ostrvo Buve|ቡቬት ደሴት|ბუვე|Ishulli Bove|بؤویٹ آئلینڈ|Buve oroli|Buve adası|Բուվե կղզի",
    ),
    ("BW", "博茨瓦纳|बोत्स्वाना|বতসোয়ানা"),
    ("BY", "Bielorrússia|Belarusz|ბელარუსი|Hvíta-Rússland|বেলারুশ|Բելառուս|an Bhealarúis"),
    ("BZ", "በሊዝ|بیلائز"),
    (
        "CC",
        "Islas Cocos|Îles Cocos|Ilhas Cocos (Keeling)|Ilhas dos Cocos (Keeling)|Wyspy Kokosowe|\
         Кокосовые о-ва|جزر كوكوس (كيلينغ)|科科斯（基林）群岛|科克斯（基靈）群島|Cocosøerne|Kookossaaret (Keelingsaaret)|\
         Νήσοι Κόκος (Κίλινγκ)|איי קוקוס (קילינג)|Quần đảo Cocos (Keeling)|Kokosovi (Keelingovi) Otoci|\
         Кокосова (Килингова) Острва|Кокосови острови (острови Кийлинг)|ኮኮስ(ኬሊንግ) ደሴቶች|\
         ქოქოსის (კილინგის) კუნძულები|Ishujt Kokos|Кокосови (Килиншки) Острови|\
         Kokosova (Keelingova) ostrva|Kókoseyjar (Keeling)|Visiwa vya Cocos (Keeling)|\
         কোকোস (কিলিং) দ্বীপপুঞ্জ|کوکوس (کیلنگ) جزائر|Кокос (Килинг) аралдары|Kokos (Kiling) orollari|\
         Kokos (Kilinq) adaları|Oileáin Cocos (Keeling)",
    ),
    (
        "CD",
        "Kongo-Kinshasa|Demokratyczna Republika Konga|Конго - Киншаса|Kongo - Kinşasa|الكونغو - كينشاسا|\
         刚果（金）|剛果（金夏沙）|コンゴ民主共和国(キンシャサ)|콩고-킨샤사|Κονγκό - Κινσάσα|Конго – Кіншаса|קונגו - קינשאסה|\
         کنگو - کینشاسا|कांगो - किंशासा|คองโก - กินชาซา|Kongas-Kinšasa|Kongo DV|ኮንጎ-ኪንሻሳ|კონგო - კინშასა|\
         Kongoko Errepublika Demokratikoa|Конга (Кіншаса)|Jamhuri ya Kidemokrasia ya Kongo|কঙ্গো-কিনশাসা|\
         کانگو - کنشاسا|Konqo - Kinşasa|Կոնգո - Կինշասա|Demokratiese Republiek van die Kongo",
    ),
    (
        "CF",
        "中非共和国|중앙 아프리카 공화국|Den Centralafrikanske Republik|Republica Centrafricană|\
         Κεντροαφρικανική Δημοκρατία|הרפובליקה המרכז-אפריקאית|Cộng hòa Trung Phi|ማዕከላዊ አፍሪካ ሪፑብሊክ|\
         Mið-Afríkulýðveldið|মধ্য আফ্রিকার প্রজাতন্ত্র|وسط افریقی جمہوریہ",
    ),
    (
        "CG",
        "Kongo-Brazzaville|República do Congo|Конго - Браззавиль|Kongo - Brazavil|الكونغو - برازافيل|\
         刚果（布）|剛果（布拉薩）|コンゴ共和国(ブラザビル)|콩고-브라자빌|Kongon tasavalta|Konžská republika|Κονγκό - Μπραζαβίλ|\
         Конго – Браззавіль|קונגו - ברזאויל|کنگو - برازویل|कांगो – ब्राज़ाविल|คองโก - บราซซาวิล|\
         Конго - Бразавил|Kongas-Brazavilis|Kongo (Brazavila)|ኮንጎ ብራዛቪል|კონგო - ბრაზავილი|\
         Kongo-Brazavilë|Конга - Бразавіль|কঙ্গো - ব্রাজাভিল|کانگو - برازاویلے|\
         Конго-Браззавиль Республикасы|Kongo – Brazzavil|Konqo - Brazzavil|Կոնգո - Բրազավիլ",
    ),
    ("CH", "स्विट्ज़रलैंड|Švajcarska|সুইজারল্যান্ড|سوئٹزر لینڈ|Shveytsariya"),
    (
        "CI",
        "Côte d’Ivoire (Costa do Marfim)|Кот-дʼІвуар|कोत दिवुआर|Обала Слоноваче (Кот д’Ивоар)|\
         Obala Slonovače (Kot d’Ivoar)|Elevandiluurannik|ኮትዲቯር|კოტ-დივუარი|Брегот на Слоновата Коска|\
         Fílabeinsströndin|কোট ডি‘আইভোর|کوٹ ڈی آئیوری|Kot-d’Ivuar|Kotd’ivuar",
    ),
    ("CK", "о-ва Кука|Quần đảo Cook|Cookovi Otoci|Кукова Острва|ኩክ ደሴቶች|Cooks-eyjar|کک آئلینڈز|Kuk adaları"),
    ("CL", "ჩილე"),
    ("CM", "कैमरून|ক্যামেরুন"),
    ("CN", "Tiongkok|Uchina|Xitoy"),
    ("CO", "ኮሎምቢያ|কলম্বিয়া"),
    ("CR", "ኮስታሪካ|কোস্টারিকা|کوسٹا ریکا"),
    (
        "CV",
        "Zöld-foki Köztársaság|כף ורדה|केप वर्ड|Tanjung Verde|เคปเวิร์ด|Zelenortska Republika|\
         Zelenortska Ostrva|Žaliasis Kyšulys|Kaboverde|Roheneemesaared|Zelenortski otoki|ኬፕቨርዴ|\
         კაბო-ვერდე|Kepi i Gjelbër|কেপ ভার্দে|کیپ ورڈی|Kabo-Verde|Կաբո Վերդե|Kaap Verde|Rinn Verde",
    ),
    ("CW", "Curaçau|कुरासाओ|คูราเซา|ኩራሳዎ|კიურასაო|কুরাসাও|کیوراکاؤ|Kyurasao|Կյուրասաո|Cúrasó"),
    (
        "CX",
        "Île Christmas|Isola Christmas|Ilha do Natal|о-в Рождества|جزيرة كريسماس|크리스마스섬|Insula Christmas|\
         Νήσος των Χριστουγέννων|אי חג המולד|क्रिसमस द्वीप|Pulau Natal|Đảo Giáng Sinh|Božićno Ostrvo|\
         остров Рождество|ክሪስማስ ደሴት|Божиќен Остров|Jólaey|Востраў Каляд|Kisiwa cha Krismasi|\
         ক্রিসমাস দ্বীপ|Pulau Krismas|جزیرہ کرسمس|Rojdestvo oroli|Milad adası|Սուրբ Ծննդյան կղզի",
    ),
    ("CY", "Saiprasi"),
    ("CZ", "Tchéquia|Tšekki|Ceko|เช็ก|Čehija|ቼቺያ|ჩეხეთი|Chechia|چیکیا|Chexiya|Çexiya|Չեխիա|an tSeicia"),
    ("DE", "Nemačka|Ujerumani"),
    ("DJ", "Xhibuti|Ջիբութի"),
    ("DK", "الدانمرك|Denmaki"),
    ("DM", "도미니카|ڈومنیکا"),
    (
        "DO",
        "Den Dominikanske Republik|Cộng hòa Dominica|ዶመኒካን ሪፑብሊክ|დომინიკელთა რესპუბლიკა|\
         Dóminíska lýðveldið|Jamhuri ya Dominika|ডোমেনিকান প্রজাতন্ত্র|Republik Dominica",
    ),
    ("DZ", "আলজেরিয়া|الجیریا"),
    ("EC", "इक्वाडोर|ኢኳዶር|ইকুয়েডর"),
    ("EE", "اسٹونیا"),
    ("EG", "ግብጽ|Misri"),
    (
        "EH",
        "Sara Ocidental|Sahara Occidentală|Tây Sahara|ซาฮาราตะวันตก|დასავლეთ საჰარა|Sahara Magharibi|\
         পশ্চিম সাহারা|G‘arbiy Sahroi Kabir|Արևմտյան Սահարա",
    ),
    ("ER", "에리트리아|इरिट्रिया|ইরিত্রিয়া|اریٹیریا|Էրիթրեա"),
    ("ES", "ስፔን|Uhispania"),
    ("FI", "फ़िनलैंड|Ufini"),
    ("FJ", "Fidzsi"),
    (
        "FK",
        "Isole Falkland|Ilhas Malvinas|Ilhas Falkland|Falklandy|Фолклендские о-ва|Falkland Adaları|\
         جزر فوكلاند|福克兰群岛|福克蘭群島|フォークランド諸島|포클랜드 제도|Falklandsöarna|Falklandsøerne|Falklandské ostrovy|\
         Falkland-szigetek|Insulele Falkland|Νήσοι Φόκλαντ|Фолклендські Острови|جزایر فالکلند|\
         फ़ॉकलैंड द्वीपसमूह|Kepulauan Falkland|Quần đảo Falkland|หมู่เกาะฟอล์กแลนด์|Illes Falkland|\
         Фокландска Острва|Foklandska Ostrva|Фолкландски острови|Folklando Salos|Folklenda salas|\
         የፎክላንድ ደሴቶች|Ishujt Falkland|Folklandska ostrva|Falklandseyjar|Illas Malvinas|Falklandak|\
         Фалклендскія астравы|Visiwa vya Falkland|ফকল্যান্ড দ্বীপপুঞ্জ|فاکلینڈ جزائر|Фолкленд аралдары|\
         Folklend orollari|Folklend adaları|Ֆոլքլենդյան կղզիներ|Falklandeilande|Oileáin Fháclainne",
    ),
    (
        "FM",
        "Mikronezya|ميكرونيزيا|密克羅尼西亞|미크로네시아|Mikronesia|Mikronésie|Mikronézia|Micronezia|Μικρονησία|\
         Мікронезія|میکرونزی|माइक्रोनेशिया|ማይክሮኔዢያ|მიკრონეზია|Mikronezi|Мікранезія|মাইক্রোনেশিয়া|\
         مائکرونیشیا|Mikroneziya|Միկրոնեզիա",
    ),
    (
        "FO",
        "Färöer|Фарерские о-ва|جزر فارو|Feröer szigetek|Νήσοι Φερόες|फ़ेरो द्वीपसमूह|Quần đảo Faroe|\
         Ovčji Otoci|Фарьорски острови|የፋሮ ደሴቶች|ფარერის კუნძულები|Фарски Острови|Visiwa vya Faroe|\
         Farer adaları",
    ),
    ("FR", "फ़्रांस|Prancis|ፈረንሳይ"),
    ("GA", "گابن|गैबॉन|ጋቦን|গ্যাবন"),
    (
        "GB",
        "Iso-Britannia|בריטניה|بریتانیا|Inggris Raya|Vương quốc Anh|Обединеното кралство|\
         Apvienotā Karaliste|Ühendkuningriik|ዩናይትድ ኪንግደም|Обединето Кралство|Вялікабрытанія|\
         Ufalme wa Muungano|سلطنت متحدہ|Buyuk Britaniya|Birləşmiş Krallıq|Միացյալ Թագավորություն|\
         Verenigde Koninkryk",
    ),
    ("GD", "گرنادا|เกรเนดา|ግሬናዳ|Granadë|Greanáda"),
    ("GE", "ジョージア|Jojia"),
    (
        "GF",
        "Französisch-Guayana|غويانا الفرنسية|Francouzská Guyana|Guyana Franceză|फ़्रेंच गुयाना|\
         Guyana Prancis|Guiana thuộc Pháp|Francijas Gviāna|საფრანგეთის გვიანა|Guajana Franceze|\
         Guiana ya Ufaransa|ফরাসী গায়ানা|فرینچ گیانا|Fransuz Gvianasi|Fransa Qvianası|Guáin na Fraince",
    ),
    ("GG", "غيرنزي|건지|Γκέρνζι|गर्नसी|Гернзи|Гърнзи|ጉርነሲ|გერნსი|Gernsej|গার্নসি|گوئرنسی"),
    ("GH", "ጋና"),
    ("GI", "جبل‌الطارق|ጂብራልተር|Cəbəllütariq"),
    ("GL", "Гренландія|گرینلند|ग्रीनलैंड|ግሪንላንድ|გრენლანდია|গ্রীনল্যান্ড|Qrenlandiya"),
    ("GM", "Gambi|گیمبیا"),
    ("GN", "Guineea|گنی"),
    (
        "GP",
        "غوادلوب|ग्वाडेलूप|Гваделуп|ጉዋደሉፕ|გვადელუპა|Guadelupë|Gvadelúpeyjar|গুয়াদেলৌপ|Gvadelupe|\
         Qvadelupa",
    ),
    (
        "GQ",
        "Guineea Ecuatorială|Guinea Ekuatorial|Guinea Xích Đạo|Ekvatorska Gvineja|Guineja Ekuatoriale|\
         Екваторска Гвинеја|Guinea ya Ikweta|নিরক্ষীয় গিনি|استوائی گیانا|Экваторлық Гвинея|\
         Ekvatorial Gvineya",
    ),
    ("GR", "ግሪክ|Ugiriki|গ্রীস|Gretsiya"),
    (
        "GS",
        "Islas Georgia del Sur y Sandwich del Sur|Georgia del Sud e Sandwich Australi|\
         Южная Георгия и Южные Сандвичевы о-ва|جورجيا الجنوبية وجزر ساندويتش الجنوبية|南乔治亚和南桑威奇群岛|\
         南喬治亞與南三明治群島|Sydgeorgien och Sydsandwichöarna|ג׳ורג׳יה הדרומית ואיי סנדוויץ׳ הדרומיים|\
         दक्षिण जॉर्जिया और दक्षिण सैंडविच द्वीपसमूह|Georgia Selatan & Kep. Sandwich Selatan|\
         Nam Georgia & Quần đảo Nam Sandwich|Južna Georgia i Otoci Južni Sandwich|\
         Јужна Џорџија и Јужна Сендвичка Острва|Južna Džordžija i Južna Sendvička Ostrva|\
         Pietų Džordžija ir Pietų Sandvičo salos|ደቡብ ጆርጂያ እና የደቡብ ሳንድዊች ደሴቶች|\
         Xhorxha Jugore dhe Ishujt Senduiçë të Jugut|Јужна Џорџија и Јужни Сендвички Острови|\
         Južna Džordžija i Južna Sendvič ostrva|Illas Xeorxia do Sur e Sandwich do Sur|\
         Паўднёвая Георгія і Паўднёвыя Сандвічавы астравы|Visiwa vya Georgia Kusini na Sandwich Kusini|\
         Kepulauan Georgia Selatan & Sandwich Selatan|جنوبی جارجیا اور جنوبی سینڈوچ جزائر|\
         Оңтүстік Георгия және Оңтүстік Сандвич аралдары|Janubiy Georgiya va Janubiy Sendvich orollari|\
         Cənubi Corciya və Cənubi Sendviç adaları|Հարավային Ջորջիա և Հարավային Սենդվիչյան կղզիներ|\
         An tSeoirsia Theas agus Oileáin Sandwich Theas",
    ),
    ("GT", "危地马拉|ጉዋቲማላ|گواٹے مالا|Qvatemala"),
    ("GU", "Guame|غوام|ጉዋም"),
    (
        "GW",
        "Guineea-Bissau|Γουινέα Μπισάου|गिनी-बिसाउ|กินี-บิสเซา|Gvineja-Bisao|ጊኒ-ቢሳው|Guine-Bisau|\
         Ginebisau|Gvineya-Bisau|Qvineya-Bisau",
    ),
    ("GY", "غيانا|Guajanë|গিয়ানা|Qayana"),
    (
        "HK",
        "RAE de Hong Kong (China)|R.A.S. chinoise de Hong Kong|Sonderverwaltungsregion Hongkong|\
         RAS di Hong Kong|Hong Kong, RAE da China|Hongkong SAR van China|SRA Hongkong (Chiny)|\
         Гонконг (САР)|Çin Hong Kong ÖİB|هونغ كونغ الصينية (منطقة إدارية خاصة)|中国香港特别行政区|中國香港特別行政區|\
         中華人民共和国香港特別行政区|홍콩(중국 특별행정구)|SAR Hongkong|Hongkong SAR Kina|\
         Hongkong – Kiinan erityishallintoalue|Hongkong – ZAO Číny|Hongkong – OAO Číny|Hongkong KKT|\
         R.A.S. Hong Kong, China|Χονγκ Κονγκ ΕΔΠ Κίνας|Гонконг, ОАР Китаю|\
         הונג קונג (אזור מנהלי מיוחד של סין)|هنگ‌کنگ، منطقهٔ ویژهٔ اداری چین|\
         हाँग काँग (चीन विशेष प्रशासनिक क्षेत्र)|Hong Kong DAK Tiongkok|\
         Đặc khu Hành chính Hồng Kông, Trung Quốc|เขตปกครองพิเศษฮ่องกงแห่งสาธารณรัฐประชาชนจีน|\
         Hong Kong (RAE Xina)|PUP Hong Kong Kina|САР Хонгконг (Кина)|SAR Hongkong (Kina)|\
         Хонконг, САР на Китай|Ypatingasis Administracinis Kinijos Regionas Honkongas|\
         Ķīnas īpašās pārvaldes apgabals Honkonga|Hongkongi erihalduspiirkond|\
         Posebno upravno območje Ljudske republike Kitajske Hongkong|ሆንግ ኮንግ ልዩ የአስተዳደር ክልል ቻይና|\
         ჰონკონგის სპეციალური ადმინისტრაციული რეგიონი, ჩინეთი|RPA i Hong-Kongut|Хонгконг САР Кина|\
         Hong Kong (SAR Kina)|sérstjórnarsvæðið Hong Kong|Hong Kong Txinako AEB|Ганконг, САР (Кітай)|\
         হংকং এসএআর চীনা|ہانگ کانگ SAR چین|Сянган АӘА|Gonkong (Xitoy MMH)|\
         Honq Konq Xüsusi İnzibati Rayonu Çin|Հոնկոնգի ՀՎՇ|Hongkong SAS China|\
         Sainréigiún Riaracháin Hong Cong, Daonphoblacht na Síne",
    ),
    (
        "HM",
        "Ilhas Heard e McDonald|о-ва Херд и Макдональд|جزيرة هيرد وجزر ماكدونالد|赫德岛和麦克唐纳群岛|赫德島及麥唐納群島|\
         ハード島・マクドナルド諸島|Heard Island og McDonald Islands|Heardův ostrov a McDonaldovy ostrovy|\
         Heardov ostrov a Macdonaldove ostrovy|Νήσοι Χερντ και Μακντόναλντ|Острови Герд і Макдоналд|\
         איי הרד ומקדונלד|هرد و جزایر مک‌دونالد|हर्ड द्वीप और मैकडोनॉल्ड द्वीपसमूह|\
         Quần đảo Heard và McDonald|Illes Heard i McDonald|Otoci Heard i McDonald|\
         Острво Херд и Мекдоналдова острва|Ostrvo Herd i Mekdonaldova ostrva|Heardi ja McDonaldi saared|\
         Heardov otok in McDonaldovi otoki|ኽርድ ኣና ማክዶናልድ ደሴቶች|ჰერდი და მაკდონალდის კუნძულები|\
         Ishujt Hërd e Mekdonald|Остров Херд и Острови Мекдоналд|Ostrvo Heard i arhipelag McDonald|\
         Астравы Херд і Макдональд|Kisiwa cha Heard na Visiwa vya McDonald|\
         হার্ড এবং ম্যাকডোনাল্ড দ্বীপপুঞ্জ|Kepulauan Heard & McDonald|ہیرڈ جزیرہ و میکڈولینڈ جزائر|\
         Херд аралы және Макдональд аралдары|Xerd va Makdonald orollari|Herd və Makdonald adaları|\
         Հերդ կղզի և ՄակԴոնալդի կղզիներ|Heardeiland en McDonaldeilande",
    ),
    ("HN", "होंडूरास|ہونڈاروس"),
    ("HR", "ხორვატია"),
    ("HT", "Հայիթի"),
    ("HU", "هنغاريا|ہنگری|Vengriya"),
    ("IE", "आयरलैंड|Ayalandi|آئرلینڈ"),
    ("IL", "ইজরায়েল"),
    (
        "IM",
        "о-в Мэн|جزيرة مان|马恩岛|맨섬|Man-sziget|आइल ऑफ़ मैन|остров Ман|Mani saar|አይል ኦፍ ማን|Ishulli i Manit|\
         Kisiwa cha Man|Men oroli|Men adası",
    ),
    ("IN", "ህንድ"),
    (
        "IO",
        "Британская территория в Индийском океане|الإقليم البريطاني في المحيط الهندي|英領インド洋地域|\
         Brittiska territoriet i Indiska oceanen|Βρετανικά Εδάφη Ινδικού Ωκεανού|\
         قلمرو بریتانیا در اقیانوس هند|ब्रिटिश हिंद महासागरीय क्षेत्र|Wilayah Inggris di Samudra Hindia|\
         Lãnh thổ Ấn Độ Dương thuộc Anh|Британска територија Индијског океана|\
         Britanska teritorija Indijskog okeana|Британска територия в Индийския океан|\
         የብሪታኒያ ህንድ ውቂያኖስ ግዛት|ბრიტანეთის ტერიტორია ინდოეთის ოკეანეში|Territori Britanik i Oqeanit Indian|\
         Британска Индоокеанска Територија|Britanska Teritorija u Indijskom Okeanu|\
         Indiako Ozeanoko lurralde britainiarra|Eneo la Uingereza katika Bahari Hindi|\
         ব্রিটিশ ভারত মহাসাগরীয় অঞ্চল|برطانوی بحر ہند کا علاقہ|Үнді мұхитындағы Британ аймағы|\
         Britaniyaning Hind okeanidagi hududi|Britaniyanın Hind Okeanı Ərazisi|\
         Բրիտանական տարածք Հնդկական Օվկիանոսում|Brits-Indiese Oseaangebied|\
         Críoch Aigéan Indiach na Breataine",
    ),
    ("IQ", "ኢራቅ"),
    ("IR", "イラン|이란|Ιράν|איראן|ईरान|อิหร่าน|Iranas|ኢራን|ირანი|ইরান|Eron|Իրան"),
    ("IS", "Aisilandi"),
    ("IT", "ጣሊያን|ইতালি|اٹلی"),
    ("JE", "저지|Τζέρζι|Џерзи|ጀርዚ|Xhersej|Cersi"),
    ("JM", "جمائیکا|Ճամայկա"),
    ("JO", "জর্ডন"),
    ("JP", "Nhật Bản"),
    ("KE", "Keenia"),
    ("KG", "قيرغيزستان|吉尔吉斯斯坦|Κιργιστάν|ኪርጊስታን|Kirgizi|Kirigizistani|কিরগিজিস্তান|کرغزستان|Ղրղզստան"),
    ("KH", "Campuchia"),
    ("KI", "קיריבאטי|คิริบาส|ኪሪባቲ|কিরিবাতি|کریباتی|Ciribeas"),
    (
        "KM",
        "Komorerna|کومور|Коморска Острва|Komorska Ostrva|Коморски острови|Komoru salas|কমোরোস|\
         Komor orollari|Komor adaları|Կոմորյան կղզիներ|Oileáin Chomóra",
    ),
    (
        "KN",
        "São Cristóvão e Neves|سانت كيتس ونيفيس|S:t Kitts och Nevis|Σεν Κιτς και Νέβις|سنت کیتس و نویس|\
         सेंट किट्स और नेविस|Sent Kits i Nevis|Сейнт Китс и Невис|ቅዱስ ኪትስ እና ኔቪስ|Sveti Kits i Nevis|\
         Sankti Kitts og Nevis|St. Kitts na Nevis|سینٹ کٹس اور نیویس|Sent-Kits va Nevis|\
         Sent-Kits və Nevis|Սենթ Քիտս և Նևիս|Sint Kitts en Nevis|San Críostóir-Nimheas",
    ),
    (
        "KP",
        "كوريا الشمالية|Pohjois-Korea|Severní Korea|Severná Kórea|Észak-Korea|Coreea de Nord|\
         Βόρεια Κορέα|کرهٔ شمالی|Triều Tiên|Северна Кореја|Северна Корея|Šiaurės Korėja|ჩრდილოეთ კორეა|\
         Kore e Veriut|Corea do Norte|Ipar Korea|Паўночная Карэя|Korea Kaskazini|উত্তর কোরিয়া|\
         شمالی کوریا|Солтүстік Корея|Shimoliy Koreya|Şimali Koreya|Հյուսիսային Կորեա|an Chóiré Thuaidh",
    ),
    (
        "KR",
        "Республика Корея|كوريا الجنوبية|Etelä-Korea|Jižní Korea|Dél-Korea|Coreea de Sud|Νότια Κορέα|\
         کرهٔ جنوبی|Hàn Quốc|Јужна Кореја|Южна Корея|Pietų Korėja|სამხრეთ კორეა|Kore e Jugut|\
         Corea do Sur|Hego Korea|Паўднёвая Карэя|Korea Kusini|দক্ষিণ কোরিয়া|جنوبی کوریا|Оңтүстік Корея|\
         Janubiy Koreya|Cənubi Koreya|Հարավային Կորեա|an Chóiré Theas",
    ),
    ("KW", "ኩዌት|ქუვეითი"),
    (
        "KY",
        "о-ва Кайман|جزر كايمان|Insulele Cayman|Νήσοι Κέιμαν|कैमेन द्वीपसमूह|Quần đảo Cayman|\
         Кајманска Острва|ካይማን ደሴቶች|კაიმანის კუნძულები|کیمین آئلینڈز",
    ),
    ("KZ", "कज़ाखस्तान|ካዛኪስታን|Kazakistani|قزاخستان|Qazaxıstan"),
    ("LA", "لاوس|老挝|寮國|ラオス|라오스|Laosz|Λάος|لائوس|लाओस|ลาว|Laosas|ላኦስ|ლაოსი|লাওস|Լաոս"),
    ("LB", "Li-băng"),
    ("LC", "圣卢西亚|S:t Lucia|سنت لوسیا|Сейнт Лусия|ሴንት ሉቺያ|Сент Лусија|Sent-Lusiya|Սենթ Լյուսիա|Sint Lucia"),
    ("LI", "Listenstaine|ليختنشتاين|लिचेंस्टीन|ሊችተንስታይን|ლიხტენშტაინი|Lihtenshtajn|লিচেনস্টেইন|لیشٹنسٹائن"),
    ("LK", "ሲሪላንካ"),
    ("LR", "ላይቤሪያ"),
    ("LS", "ሌሶቶ|ლესოთო"),
    ("LT", "ليتوانيا|ლიეტუვა|لیتھونیا|Litaue"),
    ("LU", "لوکزامبورگ|लग्ज़मबर्ग|ሉክሰምበርግ|লাক্সেমবার্গ"),
    ("LV", "Letonija|Латвија"),
    ("LY", "ሊቢያ|ლიბია"),
    ("MA", "Ma-rốc|মোরক্কো|Մարոկկո"),
    ("MC", "ሞናኮ"),
    ("MD", "Republik Moldau|مولدوفا|Republica Moldova|ሞልዶቫ|মলডোভা"),
    (
        "ME",
        "الجبل الأسود|مونته‌نگرو|मोंटेनेग्रो|ሞንተኔግሮ|Mal i Zi|মন্টিনিগ্রো|مونٹے نیگرو|Monteneqro|\
         Չեռնոգորիա",
    ),
    (
        "MF",
        "San Martín|São Martinho|São Martinho (Saint-Martin)|Сен-Мартен|سان مارتن|法屬聖馬丁|サン・マルタン|생마르탱|\
         Svatý Martin (Francie)|Svätý Martin (fr.)|Sfântul Martin|سنت مارتین|सेंट मार्टिन|เซนต์มาร์ติน|\
         Свети Мартин (Француска)|Sveti Martin (Francuska)|Sen Martenas|ሴንት ማርቲን|სენ-მარტენი|Sen-Marten|\
         Сент Мартин|Sveti Martin|Сен-Мартэн|সেন্ট মার্টিন|سینٹ مارٹن|Sent-Martin|Սեն Մարտեն|Sint Martin",
    ),
    ("MG", "Madagaska"),
    (
        "MH",
        "Маршалловы о-ва|Marshall Adaları|جزر مارشال|मार्शल द्वीपसमूह|Quần đảo Marshall|ማርሻል ደሴቶች|\
         Maršalova ostrva|Visiwa vya Marshall|مارشل آئلینڈز|Marshall orollari|Marshalleilande",
    ),
    (
        "MK",
        "北マケドニア|Pohjois-Makedonia|Severné Macedónsko|Macedonia de Nord|מקדוניה הצפונית|उत्तरी मकदूनिया|\
         Bắc Macedonia|Severna Makedonija|Ziemeļmaķedonija|ሰሜን መቄዶንያ|ჩრდილოეთ მაკედონია|\
         Masedonia ya Kaskazini|Macedonia Utara|شمالی مقدونیہ|Солтүстік Македония|Shimoliy Makedoniya|\
         Şimali Makedoniya|Հյուսիսային Մակեդոնիա|an Mhacadóin Thuaidh",
    ),
    (
        "MM",
        "Myanmar (Birmania)|Myanmar (Birmanie)|Mianmar (Birmânia)|Myanmar (Birma)|Mjanma (Birma)|\
         Мьянма (Бирма)|ميانمار (بورما)|ミャンマー (ビルマ)|Myanmar (Barma)|Μιανμάρ (Βιρμανία)|Мʼянма (Бірма)|\
         מיאנמר (בורמה)|میانمار (برمه)|म्यांमार (बर्मा)|Myanmar (Miến Điện)|เมียนมา (พม่า)|\
         Mjanmar (Burma)|Мијанмар (Бурма)|Mijanmar (Burma)|Мианмар (Бирма)|Mianmaras (Birma)|ማይናማር(በርማ)|\
         მიანმარი (ბირმა)|Mianmar (Burmë)|Мјанмар (Бурма)|Mijanmar|М’янма (Бірма)|মায়ানমার (বার্মা)|\
         میانمار (برما)|Myanma (Birma)|Myanma|Մյանմա (Բիրմա)|Mianmar (Birma)|Maenmar (Burma)",
    ),
    ("MN", "ሞንጎሊያ|Моңғолия"),
    (
        "MO",
        "RAE de Macao (China)|R.A.S. chinoise de Macao|Sonderverwaltungsregion Macau|RAS di Macao|\
         Macau, RAE da China|Macau SAR van China|SRA Makau (Chiny)|Макао (САР)|Çin Makao ÖİB|\
         منطقة ماكاو الإدارية الخاصة|中国澳门特别行政区|中國澳門特別行政區|中華人民共和国マカオ特別行政区|마카오(중국 특별행정구)|SAR Macao|\
         Macao SAR Kina|Macao – Kiinan erityishallintoalue|Macao – ZAO Číny|Macao – OAO Číny|Makaó KKT|\
         R.A.S. Macao, China|Μακάο ΕΔΠ Κίνας|Макао, ОАР Китаю|מקאו (אזור מנהלי מיוחד של סין)|\
         ماکائو، منطقهٔ ویژهٔ اداری چین|मकाऊ (विशेष प्रशासनिक क्षेत्र चीन)|Makau DAK Tiongkok|\
         Đặc khu Hành chính Macao, Trung Quốc|เขตปกครองพิเศษมาเก๊าแห่งสาธารณรัฐประชาชนจีน|\
         Macau (RAE Xina)|PUP Makao Kina|САР Макао (Кина)|SAR Makao (Kina)|Макао, САР на Китай|\
         Ypatingasis Administracinis Kinijos Regionas Makao|ĶTR īpašais administratīvais reģions Makao|\
         Macau erihalduspiirkond|Posebno upravno območje Ljudske republike Kitajske Macao|\
         ማካኦ ልዩ የአስተዳደር ክልል ቻይና|მაკაოს სპეციალური ადმინისტრაციული რეგიონი, ჩინეთი|RPA i Makaos|\
         Makao (SAR Kina)|sérstjórnarsvæðið Makaó|Macau Txinako AEB|Макаа, САР (Кітай)|Makau SAR China|\
         ম্যাকাও এসএআর চীন|Macau SAR China|مکاؤ SAR چین|Макао АӘА|Makao (Xitoy MMH)|Makao XİR Çin|\
         Չինաստանի Մակաո ՀՎՇ|Macau SAS China|Sainréigiún Riaracháin Macao, Daonphoblacht na Síne",
    ),
    (
        "MP",
        "Северные Марианские о-ва|北馬利安納群島|북마리아나제도|Νήσοι Βόρειες Μαριάνες|उत्तरी मारियाना द्वीपसमूह|\
         Quần đảo Bắc Mariana|Severna Marijanska Ostrva|Северни Мариански острови|የሰሜናዊ ማሪያና ደሴቶች|\
         ჩრდილოეთ მარიანას კუნძულები|Ishujt e Marianës Veriore|Северни Маријански Острови|\
         Ipar Mariana uharteak|Visiwa vya Mariana vya Kaskazini|উত্তরাঞ্চলীয় মারিয়ানা দ্বীপপুঞ্জ|\
         شمالی ماریانا آئلینڈز|Солтүстік Мариана аралдары|Հյուսիսային Մարիանյան կղզիներ|\
         Noord-Mariane-eilande|Na hOileáin Mháirianacha Thuaidh",
    ),
    ("MQ", "جزر المارتينيك|ማርቲኒክ|მარტინიკა|مارٹینک"),
    ("MR", "মরিতানিয়া|موریطانیہ|An Mháratái"),
    ("MS", "蒙特塞拉特|蒙哲臘|몬트세라트|Μονσεράτ|מונסראט|मोंटसेरात|Monserat|ሞንትሴራት|মন্টসেরাট|مونٹسیراٹ|Մոնսեռատ"),
    ("MT", "مالطا|马耳他|مالت"),
    ("MU", "موریس|मॉरीशस|ሞሪሸስ|მავრიკი|Маврициус|ماریشس|Mavrikiy|Mavriki|Մավրիկիոս"),
    ("MV", "ማልዲቭስ|მალდივები|মালদ্বীপ|Maldiv orollari|Maldiv adaları"),
    ("MX", "मैक्सिको"),
    ("MY", "মালয়েশিয়া"),
    ("MZ", "मोज़ांबिक"),
    ("NC", "كاليدونيا الجديدة|뉴칼레도니아|न्यू कैलेडोनिया|Kaledoni e Re|نیو کلیڈونیا"),
    ("NE", "ኒጀር"),
    (
        "NF",
        "о-в Норфолк|노퍽섬|Norfolkön|האי נורפוק|नॉरफ़ॉक द्वीप|Kepulauan Norfolk|Đảo Norfolk|Острво Норфок|\
         Ostrvo Norfok|ኖርፎልክ ደሴት|Норфолшки Остров|Ostrvo Norfolk|Kisiwa cha Norfolk|নরফোক দ্বীপ|\
         نارفوک آئلینڈ|Norfolk oroli",
    ),
    ("NG", "नाइजीरिया"),
    ("NI", "نيكاراغوا|نکاراگووا"),
    (
        "NL",
        "Nederlandene|Țările de Jos|Κάτω Χώρες|नीदरलैंड|Hà Lan|Holandija|নেদারল্যান্ডস|نیدر لینڈز|\
         Niderlandiya|Նիդեռլանդներ",
    ),
    ("NO", "ኖርዌይ"),
    ("NR", "ናኡሩ|نؤرو"),
    ("NU", "紐埃島|Νιούε|ניווה|नीयू|ኒዌ|Ниује|নিউয়ে|نیئو"),
    ("NZ", "نيوزيلندا|न्यूज़ीलैंड|Nyuzilandi|Yeni Zelandiya"),
    ("OM", "ኦማን|Ummon"),
    ("PA", "پانامہ"),
    ("PE", "بيرو"),
    (
        "PF",
        "بولينيزيا الفرنسية|法属波利尼西亚|फ़्रेंच पोलिनेशिया|Polinesia Prancis|Polynesia thuộc Pháp|\
         Francijas Polinēzija|საფრანგეთის პოლინეზია|Polinezia Franceze|Polinesia Frantsesa|\
         Polynesia ya Ufaransa|ফরাসী পলিনেশিয়া|Француз Полинезиясы|Fransuz Polineziyasi|\
         Fransa Polineziyası",
    ),
    ("PG", "Guineja e Re-Papua|Nua-Ghuine Phapua"),
    ("PH", "फ़िलिपींस|ፊሊፒንስ|Ufilipino|ফিলিপাইন|Филиппин аралдары"),
    ("PK", "Pakistani"),
    ("PL", "پولینڈ"),
    (
        "PM",
        "São Pedro e Miquelão|سان بيير ومكويلون|圣皮埃尔和密克隆群岛|聖皮埃與密克隆群島|S:t Pierre och Miquelon|\
         Σεν Πιερ και Μικελόν|Сен-Пʼєр і Мікелон|סנט פייר ומיקלון|سن پیر و میکلن|सेंट पिएरे और मिक्वेलान|\
         Saint Pierre và Miquelon|Сен Пјер и Микелон|Sen Pjer i Mikelon|Сен Пиер и Микелон|\
         ሴንት ፒዬር እና ሚኩኤሎን|სენ-პიერი და მიკელონი|Shën-Pier dhe Mikelon|Сент Пјер и Микелан|\
         Saint-Pierre eta Mikelune|Santapierre na Miquelon|সেন্ট পিয়ের ও মিকুয়েলন|\
         سینٹ پیئر اور میکلیئون|Müqəddəs Pyer və Mikelon|San Pierre agus Miquelon",
    ),
    (
        "PN",
        "Islas Pitcairn|Pitcairninseln|Isole Pitcairn|Ilhas Pitcairn|о-ва Питкэрн|Pitcairn Adaları|\
         جزر بيتكيرن|皮特凯恩群岛|皮特肯群島|ピトケアン諸島|Pitcairnöarna|Pitcairnøyene|Insulele Pitcairn|Νήσοι Πίτκερν|\
         Острови Піткерн|איי פיטקרן|جزایر پیت‌کرن|पिटकैर्न द्वीपसमूह|Kepulauan Pitcairn|\
         Quần đảo Pitcairn|หมู่เกาะพิตแคร์น|Illes Pitcairn|Pitcairnovi Otoci|Питкерн|Острови Питкерн|\
         Pitkerno salos|Pitkērnas salas|Pitcairni saared|ፒትካኢርን ደሴቶች|პიტკერნის კუნძულები|Ishujt Pitkern|\
         Питкернски Острови|Pitkernska Ostrva|Pitcairn-eyjar|Illas Pitcairn|Pitcairn uharteak|\
         Астравы Піткэрн|Visiwa vya Pitcairn|পিটকেয়ার্ন দ্বীপপুঞ্জ|پٹکائرن جزائر|Pitkern orollari|\
         Pitkern adaları|Պիտկեռն կղզիներ|Pitcairneilande|Oileáin Pitcairn",
    ),
    ("PR", "پورتوریکو|पोर्टो रिको|ፑዌርቶ ሪኮ|پیورٹو ریکو"),
    (
        "PS",
        "Territorios Palestinos|Territoires palestiniens|Palästinensische Autonomiegebiete|\
         Territori Palestinesi|Territórios palestinianos|Terytoria Palestyńskie|Палестинские территории|\
         Filistin Bölgeleri|الأراضي الفلسطينية|巴勒斯坦领土|巴勒斯坦自治區|パレスチナ自治区|팔레스타인 지구|\
         Palestinska territorierna|De palæstinensiske områder|Det palestinske området|Palestiinalaisalue|\
         Palestinská území|Palestínske územia|Palesztin Autonómia|Teritoriile Palestiniene|\
         Παλαιστινιακά Εδάφη|Палестинські території|השטחים הפלסטיניים|سرزمین‌های فلسطینی|\
         फ़िलिस्तीनी क्षेत्र|Wilayah Palestina|Lãnh thổ Palestine|ดินแดนปาเลสไตน์|Territoris palestins|\
         Palestinsko područje|Палестинске територије|Palestinske teritorije|Палестински територии|\
         Palestinos teritorija|Palestīnas teritorijas|Palestiina alad|Palestinsko ozemlje|የፍልስጤም ግዛት|\
         პალესტინის ტერიტორიები|Territoret Palestineze|Palestinska Teritorija|\
         Heimastjórnarsvæði Palestínumanna|Palestinar Lurralde Okupatuak|Палесцінскія Тэрыторыі|\
         Maeneo ya Palestina|প্যালেস্টাইন ভূখণ্ড|Wilayah Palestin|فلسطینی خطے|Палестина аймақтары|\
         Falastin hududlari|Fələstin Əraziləri|Պաղեստինյան տարածքներ|Palestynse Grondgebiede|\
         na Críocha Palaistíneacha",
    ),
    ("PT", "Ureno|পর্তুগাল"),
    ("PW", "पलाऊ|ፓላው|Oileáin Palau"),
    ("PY", "باراغواي"),
    ("QA", "קטאר|ኳታር|Qətər"),
    (
        "RE",
        "روينيون|Ρεϊνιόν|Illa de la Reunió|Реинион|Reinion|Реюнион|ሪዩኒየን|Рејунион|রিইউনিয়ন|ری یونین|\
         Ռեյունիոն",
    ),
    ("RS", "صربيا|ሰርብያ|სერბეთი"),
    (
        "RU",
        "Rosja|Rusya|روسيا|俄羅斯|ロシア|러시아|Venäjä|Rusko|Oroszország|Ρωσία|Росія|רוסיה|روسیه|रूस|รัสเซีย|\
         Rusija|Русија|Русия|Krievija|Venemaa|ሩስያ|რუსეთი|Rusi|Errusia|Urusi|রাশিয়া|روس|Rusiya|Ռուսաստան|\
         an Rúis",
    ),
    ("RW", "রুয়ান্ডা"),
    ("SA", "Ả Rập Xê-út|ሳውድአረቢያ|Arabi Saudite|Saudia|Səudiyyə Ərəbistanı|Սաուդյան Արաբիա"),
    (
        "SB",
        "Соломоновы о-ва|جزر سليمان|Νήσοι Σολομώντος|Quần đảo Solomon|Salomonovi Otoci|Соломонска Острва|\
         Solomonska Ostrva|Salomonovi otoki|ሰለሞን ደሴቶች|Visiwa vya Solomon|সলোমন দ্বীপপুঞ্জ|سولومن آئلینڈز|\
         Սողոմոնյան կղզիներ|Salomonseilande|Oileáin Sholaimh",
    ),
    (
        "SC",
        "Seicheles|Сейшельские о-ва|Сейшельські Острови|איי סיישל|Seišelu salas|ሲሼልስ|Ushelisheli|সিসিলি|\
         سشلیز|Сейшель аралдары|Seyshel orollari|Seyşel adaları",
    ),
    ("SD", "סודן"),
    ("SE", "ስዊድን|შვედეთი|Uswidi"),
    (
        "SH",
        "Santa Elena|Sant’Elena|Wyspa Świętej Heleny|о-в Св. Елены|سانت هيلينا|圣赫勒拿|聖赫勒拿島|セントヘレナ|세인트헬레나|\
         S:t Helena|Svatá Helena|Szent Ilona|Sfânta Elena|Αγία Ελένη|Острів Святої Єлени|סנט הלנה|\
         سنت هلن|सेंट हेलेना|เซนต์เฮเลนา|Sveta Helena|Света Јелена|Sveta Jelena|Света Елена|\
         Šv. Elenos Sala|Sv.Helēnas sala|ሴንት ሄለና|წმინდა ელენეს კუნძული|Shën-Elenë|Sankti Helena|\
         Востраў Святой Алены|সেন্ট হেলেনা|سینٹ ہیلینا|Әулие Елена аралы|Muqaddas Yelena oroli|\
         Müqəddəs Yelena|Սուրբ Հեղինեի կղզի|San Héilin",
    ),
    ("SI", "স্লোভানিয়া"),
    (
        "SJ",
        "Svalbard et Jan Mayen|Spitzbergen und Jan Mayen|سفالبارد وجان ماين|斯瓦尔巴和扬马延|挪威屬斯瓦巴及尖棉|\
         スバールバル諸島・ヤンマイエン島|스발바르제도-얀마웬섬|Huippuvuoret ja Jan Mayen|Špicberky a Jan Mayen|\
         Svalbard és Jan Mayen|Σβάλμπαρντ και Γιαν Μαγιέν|Шпіцберген та Ян-Маєн|סבאלברד ויאן מאיין|\
         سوالبارد و یان ماین|स्वालबार्ड और जान मायेन|Kepulauan Svalbard dan Jan Mayen|\
         Svalbard và Jan Mayen|สฟาลบาร์และยานไมเอน|Svalbard i Jan Majen|Svalbardas ir Janas Majenas|\
         Svalbāra un Jana Majena sala|ስቫልባርድ እና ጃን ማየን|შპიცბერგენი და იან-მაიენი|Svalbard e Jan-Majen|\
         Svalbard eta Jan Mayen uharteak|Svalbard na Jan Mayen|স্বালবার্ড ও জান মেয়েন|\
         سوالبرڈ اور جان ماین|Шпицберген және Ян-Майен|Shpitsbergen va Yan-Mayen|Svalbard və Yan-Mayen",
    ),
    ("SL", "ሴራሊዮን|Siera Leoni|Սիեռա Լեոնե"),
    ("SM", "São Marinho|圣马力诺|سان‌مارینو|सैन मेरीनो|ซานมาริโน|ሳን ማሪኖ"),
    ("SN", "سینیگل"),
    ("SO", "ሶማሊያ"),
    ("SR", "Surinami"),
    ("SS", "דרום סודן|Nam Sudan|სამხრეთ სუდანი|Јужен Судан|Hego Sudan|Sudan Kusini|Cənubi Sudan"),
    (
        "ST",
        "ساو تومي وبرينسيبي|聖多美普林西比|سائوتومه و پرینسیپ|साओ टोम और प्रिंसिपे|São Tomé và Príncipe|\
         ሳኦ ቶሜ እና ፕሪንሲፔ|სან-ტომე და პრინსიპი|Саун Томе и Принсип|সাওটোমা ও প্রিন্সিপি|\
         ساؤ ٹومے اور پرنسپے|San-Tome və Prinsipi|Սան Տոմե և Փրինսիպի",
    ),
    ("SV", "אל סלבדור|अल सल्वाडोर|Салвадор|এল সালভেদর|ال سلواڈور"),
    (
        "SX",
        "São Martinho (Sint Maarten)|Синт-Мартен|سانت مارتن|荷屬聖馬丁|シント・マールテン|신트마르턴|\
         Svatý Martin (Nizozemsko)|Svätý Martin (hol.)|Сінт-Мартен|סנט מארטן|سنت مارتن|सिंट मार्टिन|\
         ซินต์มาร์เทน|Свети Мартин (Холандија)|Sveti Martin (Holandija)|Sint Martenas|Sintmārtena|\
         ሲንት ማርተን|სინტ-მარტენი|Sint-Marten|Сінт-Мартэн|সিন্ট মার্টেন|سنٹ مارٹن|Սինտ Մարտեն",
    ),
    (
        "SY",
        "Сирия|敘利亞|シリア|시리아|Syyria|Szíria|Συρία|Сирія|סוריה|सीरिया|Suriah|ซีเรีย|Сирија|Süüria|ሶሪያ|სირია|\
         Siri|Sýrland|Сірыя|সিরিয়া|شام|Suriya|Սիրիա|Sirië|an tSiria",
    ),
    (
        "SZ",
        "Essuatíni|エスワティニ|אסוואטיני|เอสวาตีนี|Свазиленд|Svazilend|Svazilandas|Svatini|ኤስዋቲኒ|სვაზილენდი|\
         Swazilandia|Эсватыні|ইসওয়াতিনি|سواتنی|Էսվատինի|eSuaitíní",
    ),
    (
        "TC",
        "Тёркс и Кайкос|جزر توركس وكايكوس|土克斯及開科斯群島|Νήσοι Τερκς και Κάικος|جزایر تورکس و کایکوس|\
         तुर्क और कैकोज़ द्वीपसमूह|Quần đảo Turks và Caicos|Ostrva Turks i Kaikos|острови Търкс и Кайкос|\
         Tērksas un Kaikosas salas|Turks ja Caicos|Otoki Turks in Caicos|የቱርኮችና የካኢኮስ ደሴቶች|\
         თერქს-ქაიქოსის კუნძულები|Острови Туркс и Каикос|Turks- og Caicoseyjar|Illas Turks e Caicos|\
         Turk eta Caico uharteak|Астравы Цёркс і Кайкас|Visiwa vya Turks na Caicos|\
         তুর্কস ও কাইকোস দ্বীপপুঞ্জ|ٹرکس اور کیکوس جزائر|Turks va Kaykos orollari|\
         Törks və Kaykos adaları|Թըրքս և Կայկոս կղզիներ|Turks- en Caicoseilande|\
         Oileáin na dTurcach agus Caicos",
    ),
    ("TD", "চাদ"),
    (
        "TF",
        "Territorios Australes Franceses|Terre Australi Francesi|Territórios Austrais Franceses|\
         Francuskie Terytoria Południowe i Antarktyczne|Fransız Güney Toprakları|\
         الأقاليم الجنوبية الفرنسية|法属南部领地|仏領極南諸島|프랑스령 남방 지역|\
         De Franske Besiddelser i Det Sydlige Indiske Ocean og Antarktis|De franske sørterritorier|\
         Ranskan eteläiset ja antarktiset alueet|Teritoriile Australe și Antarctice Franceze|\
         سرزمین‌های جنوبی فرانسه|फ़्रांसीसी दक्षिणी क्षेत्र|Wilayah Selatan Prancis|\
         Lãnh thổ phía Nam Thuộc Pháp|Terres Australs Antàrtiques Franceses|\
         Francijas Dienvidjūru teritorija|Francosko južno ozemlje|ფრანგული სამხრეთის ტერიტორიები|\
         Француски Јужни Територии|Frönsku suðlægu landsvæðin|Himaya za Kusini za Kifaranza|\
         ফরাসী দক্ষিণাঞ্চল|Wilayah Selatan Perancis|فرانسیسی جنوبی خطے|Францияның оңтүстік аймақтары|\
         Fransuz Janubiy hududlari|Fransanın Cənub Əraziləri|Críocha Francacha Dheisceart an Domhain",
    ),
    ("TG", "ቶጐ"),
    ("TH", "Thailanda|थाईलैंड|Tailandi"),
    ("TJ", "Tadžikija|Tajikistani|Տաջիկստան"),
    ("TK", "توكيلاو|托克勞群島|Tokelauöarna|तोकेलाउ|ቶክላው"),
    (
        "TL",
        "تيمور - ليشتي|Тимор-Лешті|טימור-לסטה|تیمور-لسته|तिमोर-लेस्त|Тимор-Лесте (Источни Тимор)|\
         Timor-Leste (Istočni Timor)|Ida-Timor|ቲሞር ሌስቴ|ტიმორ-ლესტე|Тымор-Лешці|তিমুর-লেস্তে|تیمور لیسٹ|\
         Şərqi Timor|Թիմոր Լեշտի",
    ),
    ("TM", "ቱርክሜኒስታን"),
    ("TN", "ट्यूनीशिया|ቱኒዚያ|তিউনিসিয়া"),
    ("TO", "ቶንጋ"),
    ("TR", "튀르키예|ቱርክ|Uturuki|তুরস্ক|ترکیہ"),
    (
        "TT",
        "ترينيداد وتوباغو|特立尼达和多巴哥|ترینیداد و توباگو|Trinidad in Tobago|ትሪናዳድ እና ቶቤጎ|Trinidad na Tobago|\
         ত্রিনিনাদ ও টোব্যাগো|ترینیداد اور ٹوباگو|Տրինիդադ և Տոբագո|Oileán na Tríonóide agus Tobága",
    ),
    ("TV", "ቱቫሉ|ٹووالو"),
    ("TW", "대만|טייוואן|Taívan|تائیوان"),
    ("TZ", "ታንዛኒያ|ტანზანია|তাঞ্জানিয়া|Տանզանիա"),
    ("UA", "यूक्रेन|ዩክሬን"),
    (
        "UM",
        "US Outlying Islands|Islas menores alejadas de EE. UU.|Amerikanische Überseeinseln|\
         Isole Minori Esterne degli Stati Uniti|Ilhas Menores Distantes dos EUA|\
         Ilhas Menores Afastadas dos EUA|Внешние малые о-ва (США)|ABD Küçük Harici Adaları|\
         جزر الولايات المتحدة النائية|美國本土外小島嶼|미국령 해외 제도|USA:s yttre öar|Amerikanske oversøiske øer|\
         USAs ytre øyer|Yhdysvaltain erillissaaret|Menší odlehlé ostrovy USA|Menšie odľahlé ostrovy USA|\
         Az USA lakatlan külbirtokai|Insulele Îndepărtate ale S.U.A.|Απομακρυσμένες Νησίδες ΗΠΑ|\
         Віддалені острови США|האיים המרוחקים הקטנים של ארה״ב|جزایر دورافتادهٔ ایالات متحده|\
         यू॰एस॰ आउटलाइंग द्वीपसमूह|Kepulauan Terluar AS|Các tiểu đảo xa của Hoa Kỳ|\
         หมู่เกาะรอบนอกของสหรัฐอเมริกา|Illes Menors Allunyades dels Estats Units|\
         Mali udaljeni otoci SAD-a|Удаљена острва САД|Udaljena ostrva SAD|Отдалечени острови на САЩ|\
         Jungtinių Valstijų Mažosios Tolimosios Salos|Stranski zunanji otoki Združenih držav|\
         የዩ ኤስ ጠረፍ ላይ ያሉ ደሴቶች|აშშ-ის შორეული კუნძულები|Ishujt Periferikë të SHBA-së|\
         Американски територии во Пацификот|Američka Vanjska Ostrva|Smáeyjar Bandaríkjanna|\
         Illas Menores Distantes dos Estados Unidos|\
         Ameriketako Estatu Batuetako Kanpoaldeko Uharte Txikiak|Малыя Аддаленыя астравы ЗША|\
         Visiwa Vidogo vya Nje vya Marekani|যুক্তরাষ্ট্রের পার্শ্ববর্তী দ্বীপপুঞ্জ|\
         Kepulauan Terpencil A.S.|امریکہ سے باہر کے چھوٹے جزائز|АҚШ-тың сыртқы кіші аралдары|\
         AQSH yondosh orollari|ABŞ-a bağlı kiçik adacıqlar|Արտաքին կղզիներ (ԱՄՆ)|\
         Klein afgeleë eilande van die VSA|Oileáin Imeallacha S.A.M.",
    ),
    (
        "US",
        "Statele Unite ale Americii|Сполучені Штати|ایالات متحده|สหรัฐอเมริกา|Sjedinjene Američke Države|\
         Jungtinės Valstijos|Združene države Amerike|ዩናይትድ ስቴትስ|SHBA|Соединети Американски Држави|\
         Ameriketako Estatu Batuak|Злучаныя Штаты Амерыкі|Marekani|ریاست ہائے متحدہ امریکہ|\
         Америка Құрама Штаттары|Amerika Qo‘shma Shtatlari|Amerika Birləşmiş Ştatları|Միացյալ Նահանգներ|\
         Verenigde State van Amerika|Stáit Aontaithe Mheiriceá",
    ),
    ("UY", "أورغواي|उरूग्वे|یوروگوئے"),
    ("UZ", "Usbequistão|Uzbekistanas|ኡዝቤኪስታን|უზბეკეთი|Uzibekistani|an Úisbéiceastáin"),
    (
        "VA",
        "État de la Cité du Vatican|Vatikanstadt|Città del Vaticano|Cidade do Vaticano|الفاتيكان|梵蒂冈|\
         바티칸 시국|Vatikaani|Statul Cetății Vaticanului|Βατικανό|הוותיקן|واتیکان|वेटिकन सिटी|Thành Vatican|\
         นครวาติกัน|Ciutat del Vaticà|Vatikano Miesto Valstybė|Vatikāns|ቫቲካን ከተማ|ქალაქი ვატიკანი|\
         Vatíkanið|Vatikano Hiria|Ватыкан|Mji wa Vatican|ভ্যাটিকান সিটি|Kota Vatican|ویٹیکن سٹی|Վատիկան|\
         Vatikaanstad|Cathair na Vatacáine",
    ),
    (
        "VC",
        "سانت فنسنت وجزر غرينادين|聖文森及格瑞那丁|세인트빈센트그레나딘|S:t Vincent och Grenadinerna|\
         Saint Vincent og Grenadinerne|Сент-Вінсент і Гренадіни|سنت وینسنت و گرنادین|\
         सेंट विंसेंट और ग्रेनाडाइंस|Saint Vincent dan Grenadine|St. Vincent và Grenadines|\
         Сент Винсент и Гренадини|Sent Vinsent i Grenadini|Сейнт Винсънт и Гренадини|\
         Šventasis Vincentas ir Grenadinai|Saint Vincent in Grenadine|ሴንት ቪንሴንት እና ግሬናዲንስ|\
         Shën-Vincent dhe Grenadine|Sveti Vinsent i Grenadin|Sankti Vinsent og Grenadíneyjar|\
         St. Vincent na Grenadines|سینٹ ونسنٹ اور گرینیڈائنز|Сент-Винсент және Гренадин аралдары|\
         Sent-Vinsent va Grenadin|Sent-Vinsent və Qrenadinlər|Սենթ Վինսենթ և Գրենադիններ|\
         Sint Vincent en die Grenadine|San Uinseann agus na Greanáidíní",
    ),
    ("VE", "ቬንዙዌላ|وینزوئیلا"),
    (
        "VG",
        "Isole Vergini Britanniche|Виргинские о-ва (Великобритания)|Britanya Virjin Adaları|\
         جزر فيرجن البريطانية|영국령 버진아일랜드|Brittiska Jungfruöarna|De Britiske Jomfruøer|\
         De britiske jomfruøyene|Brittiläiset Neitsytsaaret|Britské Panenské ostrovy|\
         Βρετανικές Παρθένες Νήσοι|Британські Віргінські острови|איי הבתולה הבריטיים|\
         ब्रिटिश वर्जिन द्वीपसमूह|Kepulauan Virgin Britania Raya|Quần đảo Virgin thuộc Anh|\
         Britanski Djevičanski Otoci|Британска Девичанска Острва|Britanska Devičanska Ostrva|\
         Британски Вирджински острови|Didžiosios Britanijos Mergelių Salos|Britu Virdžīnas|\
         የእንግሊዝ ቨርጂን ደሴቶች|ბრიტანეთის ვირჯინის კუნძულები|Британски Девствени Острови|\
         Britanska Djevičanska ostrva|Bresku Jómfrúaeyjar|Birjina uharte britainiarrak|\
         Брытанскія Віргінскія астравы|Visiwa vya Virgin, Uingereza|ব্রিটিশ ভার্জিন দ্বীপপুঞ্জ|\
         Kepulauan Virgin British|برٹش ورجن آئلینڈز|Британдық Виргин аралдары|Britaniya Virgin orollari|\
         Britaniyanın Virgin adaları|Բրիտանական Վիրջինյան կղզիներ|Britse Maagde-eilande",
    ),
    (
        "VI",
        "Islas Vírgenes de EE. UU.|Îles Vierges des États-Unis|Isole Vergini Americane|\
         Ilhas Virgens Americanas|Ilhas Virgens dos EUA|Виргинские о-ва (США)|ABD Virjin Adaları|\
         جزر فيرجن الأمريكية|미국령 버진아일랜드|Amerikanska Jungfruöarna|De Amerikanske Jomfruøer|\
         De amerikanske jomfruøyene|Yhdysvaltain Neitsytsaaret|Americké Panenské ostrovy|\
         Insulele Virgine Americane|Αμερικανικές Παρθένες Νήσοι|איי הבתולה של ארצות הברית|\
         यू॰एस॰ वर्जिन द्वीपसमूह|Quần đảo Virgin thuộc Hoa Kỳ|Illes Verges dels Estats Units|\
         Američki Djevičanski Otoci|Америчка Девичанска Острва|Američka Devičanska Ostrva|\
         Американски Вирджински острови|Jungtinių Valstijų Mergelių Salos|የአሜሪካ ቨርጂን ደሴቶች|\
         აშშ-ის ვირჯინის კუნძულები|Ishujt e Virgjër të SHBA-së|Американски Девствени Острови|\
         Američka Djevičanska ostrva|Bandarísku Jómfrúaeyjar|Illas Virxes Estadounidenses|\
         Birjina uharte amerikarrak|Амерыканскія Віргінскія астравы|Visiwa vya Virgin, Marekani|\
         মার্কিন যুক্তরাষ্ট্রীয় ভার্জিন দ্বীপপুঞ্জ|Kepulauan Virgin A.S.|امریکی ورجن آئلینڈز|\
         АҚШ-тың Виргин аралдары|AQSH Virgin orollari|ABŞ Virgin adaları|ԱՄՆ Վիրջինյան կղզիներ|\
         VSA se Maagde-eilande|Oileáin Mheiriceánacha na Maighdean",
    ),
    ("VN", "فيتنام|Вʼєтнам|ვიეტნამი|Vietnamu"),
    ("VU", "वनुआतू|ቫኑአቱ|وینوآٹو"),
    (
        "WF",
        "Уоллис и Футуна|Wallis ve Futuna|جزر والس وفوتونا|瓦利斯群島和富圖那群島|왈리스-푸투나 제도|\
         Wallis- och Futunaöarna|Wallis og Futuna|Γουάλις και Φουτούνα|Уолліс і Футуна|איי ווליס ופוטונה|\
         वालिस और फ़्यूचूना|Kepulauan Wallis dan Futuna|Wallis và Futuna|วาลลิสและฟุตูนา|Valis i Futuna|\
         Уолис и Футуна|Volisa un Futunas salas|ዋሊስ እና ፉቱና ደሴቶች|უოლისი და ფუტუნა|Uollis e Futuna|\
         Ostrva Valis i Futuna|Wallis na Futuna|ویلیز اور فیوٹیونا|Uollis va Futuna|Uollis və Futuna|\
         Ուոլիս և Ֆուտունա|Vailís agus Futúna",
    ),
    ("WS", "ሳሞአ"),
    ("YT", "馬約特島|מאיוט|मायोते|ሜይኦቴ|მაიოტა|মায়োত্তে"),
    (
        "ZA",
        "Южно-Африканская Республика|남아프리카|Dél-afrikai Köztársaság|Південно-Африканська Республіка|\
         Sud-àfrica|Јужноафричка Република|Dienvidāfrikas Republika|Južnoafriška republika|ደቡብ አፍሪካ|\
         სამხრეთ აფრიკის რესპუბლიკა|Afrika e Jugut|Јужноафриканска Република|Suráfrica|Afrika Kusini|\
         جنوبی افریقہ|Cənub Afrika|Հարավաֆրիկյան Հանրապետություն",
    ),
    ("ZW", "زيمبابوي|ዚምቧቤ|জিম্বাবোয়ে"),
];
