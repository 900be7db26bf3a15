// @env TAILRACE_BACKEND=auto|js
// A Nest application, on Express and on fastify, with our parser and with the one it brings: the same answers, its exception filter's
// words included.

import 'reflect-metadata';
import * as assert from 'node:assert';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { suite } from 'uvu';
import { json } from '../../lib/adapters/express';
import { plugin } from '../../lib/adapters/fastify';
import { cases } from './requests';

const test = suite('nest');

/** Decorators by hand: the compiler has them off. */
class Echo {
  echo(body: unknown) {
    return { kind: typeof body, body: body ?? null };
  }
}
const kArguments = '__routeArguments__';
const kBody = 3;
Reflect.defineMetadata(kArguments, { [`${kBody}:0`]: { index: 0, pipes: [] } }, Echo, 'echo');
Post()(Echo.prototype, 'echo', Object.getOwnPropertyDescriptor(Echo.prototype, 'echo') as never);
Controller()(Echo);
class App {}
Module({ controllers: [Echo] })(App);

const quiet = { logger: false } as const;

test('on Express', async () => {
  const make = async (ours: boolean) => {
    const app = await NestFactory.create<NestExpressApplication>(App, { ...quiet, bodyParser: !ours });
    if (ours) app.use(json({ protoAction: 'ignore', constructorAction: 'ignore' }));
    await app.init();
    return app;
  };
  const [ours, theirs] = [await make(true), await make(false)];
  const answer = async (app: NestExpressApplication, { headers, body }: (typeof cases)[number]) => {
    let call = request(app.getHttpServer()).post('/');
    for (const [name, value] of Object.entries(headers)) call = call.set(name, value);
    const { status, text } = await call.serialize((value: unknown) => value as string).send(body as never);
    return { status, text };
  };
  // Nest's own has a second parser for forms, which says something else of what is no JSON
  for (const one of cases.filter(({ headers }) => headers['content-type']?.startsWith('application/json'))) {
    assert.deepStrictEqual(
      { of: one.name, ...(await answer(ours, one)) },
      { of: one.name, ...(await answer(theirs, one)) },
    );
  }
  await ours.close();
  await theirs.close();
});

test('on fastify', async () => {
  const make = async (ours: boolean) => {
    const adapter = new FastifyAdapter();
    const app = await NestFactory.create<NestFastifyApplication>(App, adapter, {
      ...quiet,
      bodyParser: !ours,
    });
    if (ours) await app.register(plugin as never);
    await app.init();
    await adapter.getInstance().ready();
    return app;
  };
  const [ours, theirs] = [await make(true), await make(false)];
  const answer = async (app: NestFastifyApplication, { headers, body }: (typeof cases)[number]) => {
    const { statusCode, body: text } = await app.inject({ method: 'POST', url: '/', headers, payload: body });
    return { statusCode, text };
  };
  for (const one of cases.filter(({ headers }) => headers['content-type']?.startsWith('application/json'))) {
    assert.deepStrictEqual(
      { of: one.name, ...(await answer(ours, one)) },
      { of: one.name, ...(await answer(theirs, one)) },
    );
  }
  await ours.close();
  await theirs.close();
});

test.run();
