// Seeded documents in the likeness of the ones JSON parsers are measured with. Generated, because the classic corpora
// are other people's data; alike in what costs time: sizes, shapes, lengths of strings, share of text that is not ASCII.

import { seeded } from './stats';

export interface Corpus {
  name: string;
  bytes: Buffer;
}

const words =
  'alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu'.split(
    ' ',
  );
const cjk =
  'の日本語人大年中会社自分時間今何見行出来東京生事者場前後手力問題目的世界写真電車雨花春夏秋冬'.split('');

class Maker {
  constructor(readonly random: () => number) {}
  int(below: number): number {
    return Math.floor(this.random() * below);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }
  sentence(length: number): string {
    let text = '';
    while (text.length < length) text += `${this.pick(words)} `;
    return text.trim();
  }
  cjk(length: number): string {
    return Array.from({ length }, () => this.pick(cjk)).join('');
  }
  id(digits: number): string {
    return Array.from({ length: digits }, (_, i) => (i === 0 ? 1 + this.int(9) : this.int(10))).join('');
  }
  hex(length: number): string {
    return Array.from({ length }, () => this.int(16).toString(16)).join('');
  }
}

/** 100 statuses with users and entities; Japanese text, long ids, many nulls and false; pretty-printed. */
function twitter(make: Maker): string {
  const user = () => ({
    id: make.int(2e9),
    id_str: make.id(10),
    name: make.cjk(6),
    screen_name: make.pick(words) + make.int(1000),
    location: make.pick(['', make.cjk(4)]),
    description: make.cjk(50 + make.int(60)),
    url: null,
    entities: { description: { urls: [] } },
    protected: false,
    followers_count: make.int(5000),
    friends_count: make.int(2000),
    listed_count: make.int(50),
    created_at: 'Sun Aug 31 00:29:15 +0000 2014',
    favourites_count: make.int(9000),
    utc_offset: make.pick([null, 32400]),
    time_zone: null,
    geo_enabled: false,
    verified: false,
    statuses_count: make.int(90000),
    lang: 'ja',
    contributors_enabled: false,
    is_translator: false,
    profile_background_color: make.hex(6).toUpperCase(),
    profile_image_url: `http://pbs.example.com/profile_images/${make.id(18)}/${make.hex(8)}_normal.jpeg`,
    profile_link_color: make.hex(6),
    profile_use_background_image: true,
    default_profile: make.random() < 0.5,
    following: false,
    follow_request_sent: false,
    notifications: false,
  });
  const entities = () => ({
    hashtags: make.random() < 0.2 ? [{ text: make.cjk(5), indices: [make.int(50), 50 + make.int(50)] }] : [],
    symbols: [],
    urls:
      make.random() < 0.3
        ? [
            {
              url: `http://t.example.com/${make.hex(10)}`,
              expanded_url: `http://example.com/${make.hex(12)}`,
              indices: [make.int(50), 90],
            },
          ]
        : [],
    user_mentions:
      make.random() < 0.6
        ? [
            {
              screen_name: make.pick(words),
              name: make.cjk(5),
              id: make.int(2e9),
              id_str: make.id(10),
              indices: [3, 15],
            },
          ]
        : [],
  });
  const status = (depth: number): Record<string, unknown> => ({
    metadata: { result_type: 'recent', iso_language_code: 'ja' },
    created_at: 'Sun Aug 31 00:29:15 +0000 2014',
    id: Number(make.id(18)),
    id_str: make.id(18),
    text: `RT @${make.pick(words)}: ${make.cjk(60 + make.int(60))}`,
    source: '<a href="http://twitter.example.com/download/iphone" rel="nofollow">Twitter for iPhone</a>',
    truncated: false,
    in_reply_to_status_id: null,
    in_reply_to_user_id: null,
    in_reply_to_screen_name: null,
    user: user(),
    geo: null,
    coordinates: null,
    place: null,
    contributors: null,
    ...(depth > 0 && make.random() < 0.6 ? { retweeted_status: status(0) } : {}),
    retweet_count: make.int(100),
    favorite_count: make.int(100),
    entities: entities(),
    favorited: false,
    retweeted: false,
    lang: 'ja',
  });
  return JSON.stringify(
    {
      statuses: Array.from({ length: 100 }, () => status(1)),
      search_metadata: { completed_in: 0.087, max_id: 505874924095815700, count: 100 },
    },
    null,
    2,
  );
}

/** A catalogue: maps with numeric keys, thousands of small equal objects, short integers; pretty-printed. */
function citm(make: Maker): string {
  const ids = (n: number, base: number) => Array.from({ length: n }, (_, i) => base + i * 3);
  const names = (n: number, base: number) =>
    Object.fromEntries(ids(n, base).map((id) => [id, make.sentence(12)]));
  const events = Object.fromEntries(
    ids(180, 138586341).map((id) => [
      id,
      {
        description: null,
        id,
        logo: null,
        name: make.sentence(20),
        subTopicIds: ids(5, 337184267),
        subjectCode: null,
        subtitle: null,
        topicIds: ids(4, 324846099),
      },
    ]),
  );
  const performances = Array.from({ length: 240 }, (_, i) => ({
    eventId: 138586341 + i,
    id: 339887544 + i,
    logo: null,
    name: null,
    prices: Array.from({ length: 4 }, (_x, k) => ({
      amount: 10000 + make.int(90000),
      audienceSubCategoryId: 337100890,
      seatCategoryId: 338937235 + k,
    })),
    seatCategories: Array.from({ length: 4 }, (_x, k) => ({
      areas: Array.from({ length: 8 }, (_y, j) => ({ areaId: 205705993 + j, blockIds: [] })),
      seatCategoryId: 338937235 + k,
    })),
    seatMapImage: null,
    start: 1372701600000 + i * 1000,
    venueCode: 'PLEYEL_PLEYEL',
  }));
  return JSON.stringify(
    {
      areaNames: names(17, 205705993),
      audienceSubCategoryNames: { 337100890: 'Abonné' },
      blockNames: {},
      events,
      performances,
      seatCategoryNames: names(60, 338937235),
      topicNames: names(20, 324846098),
      venueNames: { PLEYEL_PLEYEL: 'Salle Pleyel' },
    },
    null,
    4,
  );
}

/** One GeoJSON polygon after another: nothing but pairs of long doubles. */
function canada(make: Maker): string {
  const ring = (points: number) =>
    Array.from({ length: points }, () => [-60 - make.random() * 80, 42 + make.random() * 40]);
  const coordinates = Array.from({ length: 120 }, () => ring(100 + make.int(250)));
  return JSON.stringify({
    type: 'FeatureCollection',
    features: [
      { type: 'Feature', properties: { name: 'Canada' }, geometry: { type: 'Polygon', coordinates } },
    ],
  });
}

/** 30 events of a code host: nested objects, URLs, sentences with escapes. */
function github(make: Maker): string {
  const actor = () => {
    const login = make.pick(words) + make.int(100);
    return {
      gravatar_id: make.hex(32),
      login,
      avatar_url: `https://secure.example.com/avatar/${make.hex(32)}?d=https://a248.example.net/assets/gravatar-user-420.png`,
      url: `https://api.example.com/users/${login}`,
      id: make.int(5e6),
    };
  };
  const repo = () => ({
    url: `https://api.example.com/repos/${make.pick(words)}/${make.pick(words)}`,
    id: make.int(9e6),
    name: `${make.pick(words)}/${make.pick(words)}`,
  });
  const payload = [
    () => ({
      size: 1,
      head: make.hex(40),
      ref: 'refs/heads/master',
      push_id: make.int(2e8),
      distinct_size: 1,
      before: make.hex(40),
      commits: Array.from({ length: 1 + make.int(4) }, () => ({
        url: `https://api.example.com/commits/${make.hex(40)}`,
        message: `${make.sentence(60)}\n\n"${make.sentence(20)}"`,
        distinct: true,
        sha: make.hex(40),
        author: { email: `${make.pick(words)}@example.com`, name: make.sentence(12) },
      })),
    }),
    () => ({ action: 'started' }),
    () => ({ ref: null, ref_type: 'repository', description: make.sentence(80), master_branch: 'master' }),
    () => ({
      action: 'created',
      issue: {
        number: make.int(500),
        title: make.sentence(50),
        user: actor(),
        labels: [],
        state: 'open',
        body: `${make.sentence(300)}\r\n\r\n\`\`\`js\r\n"${make.sentence(80)}"\r\n`,
        comments: make.int(20),
        assignee: null,
        milestone: null,
      },
      comment: { body: make.sentence(200), user: actor(), id: make.int(1e7) },
    }),
  ];
  return JSON.stringify(
    Array.from({ length: 60 }, () => ({
      type: 'Event',
      created_at: '2013-01-10T07:58:30Z',
      actor: actor(),
      repo: repo(),
      public: true,
      payload: make.pick(payload)(),
      id: make.id(10),
    })),
  );
}

/** 12 KB, nested five levels, 120 fields: sentences, integers, floats, booleans, small arrays; no two keys alike. */
function nested(make: Maker): string {
  let count = 0;
  const value = (): unknown => {
    switch (count++ % 6) {
      case 0:
        return make.sentence(105 + make.random() * 350);
      case 1:
        return make.int(1e9);
      case 2:
        return Number((make.random() * 1000).toFixed(4));
      case 3:
        return make.random() < 0.5;
      case 4:
        return make.sentence(30 + make.random() * 150);
      default:
        return Array.from({ length: 8 }, () => make.int(100000));
    }
  };
  const object = (fields: number): Record<string, unknown> =>
    Object.fromEntries(
      Array.from({ length: fields }, () => [`${make.pick(words)}_${make.pick(words)}_${count}`, value()]),
    );
  const root = object(12);
  for (let a = 0; a < 3; a++) {
    const section = object(8);
    root[`section_${a}`] = section;
    for (let b = 0; b < 2; b++)
      section[`group_${b}`] = { ...object(5), detail: { ...object(4), leaf: object(5) } };
  }
  return JSON.stringify(root);
}

/** About 1 KB: one record as a service would receive it. */
function record(make: Maker): string {
  return JSON.stringify({
    id: make.int(1e9),
    uuid: make.hex(32),
    name: make.sentence(20),
    email: 'someone@example.com',
    active: true,
    score: make.random() * 100,
    tags: Array.from({ length: 6 }, () => make.pick(words)),
    address: {
      street: make.sentence(20),
      city: make.pick(words),
      zip: make.id(5),
      geo: { lat: make.random() * 90, lon: make.random() * 180 },
    },
    created: '2024-05-01T12:00:00.000Z',
    note: make.sentence(350),
    items: Array.from({ length: 6 }, (_, i) => ({
      sku: make.hex(8),
      quantity: i + 1,
      price: make.int(9999) / 100,
    })),
  });
}

/** Documents like the classic ones; the same bytes on every call. */
export function corpora(): Corpus[] {
  const made = (name: string, generate: (make: Maker) => string): Corpus => ({
    name,
    bytes: Buffer.from(generate(new Maker(seeded(20_260_000 + name.length))), 'utf8'),
  });
  return [
    made('20 bytes', () => '{"id":123,"ok":true}'),
    made('200 bytes', (make) =>
      JSON.stringify({
        jsonrpc: '2.0',
        id: 17,
        method: 'orders.create',
        params: { sku: make.hex(8), quantity: 3, note: make.sentence(60), tags: ['a', 'b'] },
      }),
    ),
    made('record', record),
    made('doc12k', nested),
    made('github-like', github),
    made('twitter-like', twitter),
    made('citm-like', citm),
    made('canada-like', canada),
  ];
}
