/** Ids of collations by charset, as logs have them; ranges are `from-to`. Both servers', whose ids do not clash. */
const IDS: Readonly<Record<string, string>> = {
  armscii8: "32 64",
  ascii: "11 65",
  big5: "1 84",
  binary: "63",
  cp1250: "26 34 44 66 99",
  cp1251: "14 23 50-52",
  cp1256: "57 67",
  cp1257: "29 58 59",
  cp850: "4 80",
  cp852: "40 81",
  cp866: "36 68",
  cp932: "95 96",
  dec8: "3 69",
  eucjpms: "97 98",
  euckr: "19 85",
  gb18030: "248-250",
  gb2312: "24 86",
  gbk: "28 87",
  geostd8: "92 93",
  greek: "25 70",
  hebrew: "16 71",
  hp8: "6 72",
  keybcs2: "37 73",
  koi8r: "7 74",
  koi8u: "22 75",
  latin1: "5 8 15 31 47-49 94",
  latin2: "2 9 21 27 77",
  latin5: "30 78",
  latin7: "20 41 42 79",
  macce: "38 43",
  macroman: "39 53",
  sjis: "13 88",
  swe7: "10 82",
  tis620: "18 89",
  ucs2: "35 90 128-151 159 640-642 2560-2815",
  ujis: "12 91",
  utf16: "54 55 101-124 672-674 2816-3071",
  utf16le: "56 62",
  utf32: "60 61 160-183 736-738 3072-3327",
  utf8mb3: "33 76 83 192-215 223 576-578 2048-2303",
  utf8mb4: "45 46 224-247 255-323 608-610 2304-2559",
};

/** MariaDB's collations that do not pad have the id of the padding one, and this. */
const NO_PAD = 1024;
/** MariaDB's newer collations begin here, and have no such twins. */
const UCA1400 = 2048;

const charsets = new Map<number, string>();
for (const [charset, ids] of Object.entries(IDS)) {
  for (const range of ids.split(" ")) {
    const [from = 0, to = from] = range.split("-").map(Number);
    for (let id = from; id <= to; id += 1) charsets.set(id, charset);
  }
}

/** The charset of a collation; null where the id is none that we know. */
export function charsetOfCollation(id: number): string | null {
  const base = id >= NO_PAD && id < UCA1400 ? id - NO_PAD : id;
  return charsets.get(base) ?? null;
}
