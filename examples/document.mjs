// A nested document of about 12 KB, always the same. Run as a program it prints a whole request:
//   node examples/document.mjs | curl -s http://127.0.0.1:8080/rpc -d @-

import { pathToFileURL } from 'node:url';

const kNames = ['Ada Lovelace', 'Zoë Müller', 'Grace Hopper', 'Lin Wei', 'Søren Ågård'];

export function makeDocument(orders = 11) {
  const order = (o) => ({
    id: `order-${1000 + o}`,
    placed: new Date(1.7e12 + o * 3.6e6).toISOString(),
    customer: {
      name: kNames[o % kNames.length],
      address: {
        street: `${o + 1} Mill Road`,
        city: 'Tailrace',
        zip: `${10000 + o * 37}`,
        geo: [47.1 + o / 97, 8.2 - o / 89],
      },
      tags: ['returning', o % 2 ? 'newsletter' : 'no "spam"'],
    },
    lines: Array.from({ length: 4 }, (_, l) => ({
      product: {
        sku: `SKU-${o}-${l}`,
        title: `Turbine part ${o * 4 + l}, hand-finished`,
        price: 9.5 + ((o * 31 + l * 17) % 400) / 4,
        dimensions: { width: 10 + l, height: 20 + o, depth: 5, grams: 100 + ((o * 97 + l * 53) % 900) },
      },
      quantity: 1 + ((o + l) % 5),
      discounts: l % 2 ? [{ code: 'SPRING', percent: 10 }] : [],
      note: null,
      gift: o % 3 === 0,
    })),
  });
  return { orders: Array.from({ length: orders }, (_, o) => order(o)) };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'report', params: makeDocument() }));
}
