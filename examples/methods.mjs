// The methods of the example server: on real input, sync and async, one that fails. A module like this can also run in
// worker isolates: serve({ module: new URL('./methods.mjs', import.meta.url), isolates: 2, … }).

import { setTimeout as sleep } from 'node:timers/promises';
import { RpcError } from 'tailrace/rpc';

/** Totals of an order book: the 12 KB document of document.mjs. */
function report({ orders }) {
  if (!Array.isArray(orders)) throw new RpcError(-32602, 'Invalid params', 'orders must be an array');
  const customers = new Map();
  let revenue = 0;
  let items = 0;
  let heaviest = { sku: '', grams: 0 };
  for (const order of orders) {
    let total = 0;
    for (const line of order.lines) {
      const discount = line.discounts.reduce((sum, each) => sum + each.percent, 0);
      total += line.quantity * line.product.price * (1 - discount / 100);
      items += line.quantity;
      if (line.product.dimensions.grams > heaviest.grams) {
        heaviest = { sku: line.product.sku, grams: line.product.dimensions.grams };
      }
    }
    revenue += total;
    const name = order.customer.name;
    customers.set(name, (customers.get(name) ?? 0) + total);
  }
  const best = [...customers].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return {
    orders: orders.length,
    items,
    revenue: Math.round(revenue * 100) / 100,
    best: best.map(([name, total]) => ({ name, total: Math.round(total * 100) / 100 })),
    heaviest,
  };
}

export default {
  /** [2, 3] or { a: 2, b: 3 }; anything but two numbers gets -32602 with the reasons. */
  add: {
    params: {
      anyOf: [
        { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 },
        {
          type: 'object',
          properties: { a: { type: 'number' }, b: { type: 'number' } },
          required: ['a', 'b'],
        },
      ],
    },
    handler: (params) => (Array.isArray(params) ? params[0] + params[1] : params.a + params.b),
  },

  echo: (params) => params,

  report,

  /** Waits as a database would, and stops waiting when the client has gone. */
  lookup: {
    timeoutMs: 1000,
    handler: async ({ id, waitMs = 20 }, { signal }) => {
      await sleep(waitMs, undefined, { signal });
      return { id, name: `item ${id}`, foundAfterMs: waitMs };
    },
  },

  /** The client sees -32603 'Internal error'; the stack goes to the log. */
  fail: () => {
    throw new Error('this is what a bug looks like');
  },
};
