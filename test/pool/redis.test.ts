// tailrace/pool in front of a real server: ioredis connections to a redis-server of Debian's. What is asked of the server
// (INFO, CLIENT LIST) is what the pool must not get wrong: how many connections there are, and how many there ever were.

import * as assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Client } from 'ioredis';
import { suite } from 'uvu';
import { pool } from '../../lib/pool';
import { skipFile } from '../support/backends';
import { findRedis, Redis } from '../support/redis';

const program = findRedis();
if (program === undefined) skipFile('optional: redis-server is not installed');

const test = suite('pool, redis');
let redis: Redis;
let admin: Client;

/** Connects or throws; never again by itself: a broken item is the pool's affair. */
async function connect(): Promise<Client> {
  const client = new Client({
    port: redis.port,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    connectTimeout: 2000,
  });
  client.on('error', () => {}); // comes with the rejection of the command too
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return client;
}

const connections = (max: number, more: object = {}) =>
  pool<Client>({ create: connect, destroy: (client) => client.disconnect(), max, ...more });

async function everConnected(): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
}

/** Connections now, the one that asks aside. */
async function connected(): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1]) - 1;
}

async function settles(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await condition()) return;
    await sleep(10);
  }
  assert.fail('never came true');
}

test.before(async () => {
  redis = await Redis.start(program);
  admin = await connect();
  await admin.set('key', 'value');
});

test.after(async () => {
  admin.disconnect();
  await redis.kill();
});

test('a connection for each request: as many connects as requests', async () => {
  const before = await everConnected();
  const replies = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const client = await connect();
      try {
        return await client.get('key');
      } finally {
        client.disconnect();
      }
    }),
  );
  assert.ok(replies.every((reply) => reply === 'value'));
  assert.equal((await everConnected()) - before, 50);
  await settles(async () => (await connected()) === 0);
});

test('a pool: a thousand callers, at most max connects in all', async () => {
  const clients = connections(10);
  const before = await everConnected();
  const replies = await Promise.all(
    Array.from({ length: 1000 }, () => clients.use((client) => client.get('key'))),
  );
  assert.ok(replies.every((reply) => reply === 'value'));
  assert.ok((await everConnected()) - before <= 10);
  assert.ok((await connected()) <= 10);
  await clients.close();
  await settles(async () => (await connected()) === 0);
});

test('exhaustion: who waits too long, or is one too many, hears so; the others are served', async () => {
  const clients = connections(2, { acquireTimeoutMs: 60, maxWaiters: 20 });
  const before = await everConnected();
  const [a, b] = [await clients.acquire(), await clients.acquire()];
  const outcomes = Array.from({ length: 25 }, () =>
    clients
      .use((client) => client.get('key'))
      .then(
        (reply) => reply,
        (error: { code: string }) => error.code,
      ),
  );
  assert.equal(clients.pending, 20);
  const first = await Promise.all(outcomes);
  assert.equal(first.filter((code) => code === 'ERR_TAILRACE_QUEUE_FULL').length, 5);
  assert.equal(first.filter((code) => code === 'ERR_TAILRACE_TIMEOUT').length, 20);
  clients.release(a);
  clients.release(b);
  const second = await Promise.all(
    Array.from({ length: 20 }, () => clients.use((client) => client.get('key'))),
  );
  assert.ok(second.every((reply) => reply === 'value'));
  assert.equal((await everConnected()) - before, 2);
  await clients.close();
});

test('the server dies and comes back: broken connections are destroyed, none leaks, the pool goes on', async () => {
  const clients = connections(5, { validate: (client: Client) => client.status === 'ready' });
  const get = () =>
    clients.use(async (client) => {
      try {
        return await client.get('key');
      } catch (error) {
        clients.destroy(client);
        throw error;
      }
    });
  assert.ok((await Promise.all(Array.from({ length: 30 }, get))).every((reply) => reply === 'value'));
  assert.equal(clients.size, 5);
  const caught = clients.use((client) => client.blpop('nothing', 30)); // under way when it dies
  const lost = assert.rejects(caught); // it rejects before the death of the process is known here
  await sleep(20);
  await redis.kill();
  await lost;
  const dead = await Promise.allSettled(Array.from({ length: 30 }, get));
  assert.ok(dead.every(({ status }) => status === 'rejected'));
  assert.equal(clients.pending, 0);
  assert.equal(clients.size, 0, 'no item is left of those that broke');
  await redis.start();
  admin.disconnect();
  admin = await connect();
  await admin.set('key', 'again');
  const before = await everConnected();
  assert.ok((await Promise.all(Array.from({ length: 100 }, get))).every((reply) => reply === 'again'));
  assert.ok((await everConnected()) - before <= 5);
  assert.ok((await connected()) <= 5);
  await clients.close();
  await settles(async () => (await connected()) === 0);
});

test.run();
