// A plugin for fastify 5 in the place of its JSON parser and of JSON.stringify for its replies. It needs nothing of fastify's
// modules, so nothing of it is loaded: what it uses of an instance is written down in FastifyLike.
//
// The parser takes bytes; fastify reads them and holds them to bodyLimit, the route's own too. A text at fault is given to
// the parser that fastify would have used, so that the error is fastify's own whatever its version: FST_ERR_CTP_….

import type { JsonParseOptions } from '../backend/contract';
import { InvalidArgument, onlyKnown } from '../errors';
import { impl } from '../json/input';
import { type ParseOptions, parseOptions } from '../json/options';
import { markLength } from './charset';

type PoisonAction = 'error' | 'remove' | 'ignore';
type Done = (error: Error | null, body?: unknown) => void;

/** What is used of a fastify instance. */
export interface FastifyLike {
  readonly initialConfig: {
    readonly onProtoPoisoning?: PoisonAction | undefined;
    readonly onConstructorPoisoning?: PoisonAction | undefined;
  };
  // biome-ignore lint/suspicious/noExplicitAny: fastify's own types have overloads that depend on a dozen parameters
  readonly addContentTypeParser: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly addHook: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly getDefaultJsonParser: any;
}

export interface PluginOptions extends ParseOptions {
  /** Bytes of a body, instead of the instance's bodyLimit; a route's own goes before. */
  bodyLimit?: number;
  /** Media types to parse. Default 'application/json'. */
  contentType?: string | RegExp | readonly (string | RegExp)[];
  /**
   * Replies of routes without a response schema are encoded by tailrace, and an onSend hook finds a Buffer. Default true. Routes
   * that have a response schema keep its serializer: it decides what a client may see.
   */
  replySerializer?: boolean;
}

const kNames = ['bodyLimit', 'contentType', 'replySerializer', 'prefix', 'logLevel', 'logSerializers'];

interface Route {
  schema?: { response?: unknown } | undefined;
  onRequest?: unknown;
}
interface Reply {
  serializer(serialize: (payload: unknown) => unknown): unknown;
  getHeader(name: string): unknown;
  header(name: string, value: string): unknown;
}

/** The parser fastify calls with the bytes of a body. */
function bodyParser(instance: FastifyLike, policy: JsonParseOptions | undefined) {
  const { protoAction = 'ignore', constructorAction = 'ignore' } = policy ?? {};
  const theirs = instance.getDefaultJsonParser(protoAction, constructorAction) as (
    request: unknown,
    text: string,
    done: Done,
  ) => void;
  const json = impl();
  return (request: unknown, body: Buffer, done: Done): void => {
    let value: unknown;
    try {
      value = json.parseRange(body, markLength(body), body.length, policy);
    } catch (error) {
      theirs(request, body.toString('utf8'), (refused) => {
        // a rule that fastify's parser has not, a key that stands twice for one
        done(refused ?? Object.assign(error as Error, { statusCode: 400 }));
      });
      return;
    }
    done(null, value);
  };
}

/**
 * Where an instance keeps what setReplySerializer() was given; instances inside it inherit it. There is no other way to ask, and
 * a serializer of the application's own goes before ours.
 */
function replySerializerKey(instance: object): symbol | undefined {
  for (let at: object | null = instance; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find(
      ({ description }) => description === 'fastify.replySerializerDefault',
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function serializeReplies(instance: FastifyLike): void {
  const json = impl();
  // Called as a method of the reply. fastify leaves the media type to whoever sets a serializer.
  function serialize(this: Reply, payload: unknown): unknown {
    const type = this.getHeader('content-type');
    if (!type) {
      this.header('content-type', 'application/json; charset=utf-8');
    } else if (typeof type === 'string') {
      // text of another type is sent as it stands; of what is no text fastify says that it cannot be
      if (!/^[^;]*json/i.test(type)) return payload;
      if (!/;\s*charset=/i.test(type))
        this.header('content-type', `${type.replace(/;\s*$/, '')}; charset=utf-8`);
      // text whose sender says that it is JSON
      if (typeof payload === 'string') return payload;
    }
    // undefined where JSON.stringify gives it: nothing is sent
    return json.encode(payload, false);
  }
  const own = replySerializerKey(instance) ?? Symbol('none');
  instance.addHook('onRoute', function (this: { [own]?: unknown }, route: Route) {
    if (route.schema?.response) return;
    // asked when a request comes: it may be set behind the route
    const onRequest = (_request: unknown, reply: Reply, done: () => void): void => {
      if (!this[own]) reply.serializer(serialize);
      done();
    };
    const { onRequest: hooks } = route;
    route.onRequest = hooks === undefined ? onRequest : [onRequest].concat(hooks as []);
  });
}

function register(instance: FastifyLike, options: PluginOptions): void {
  onlyKnown(options, [
    ...kNames,
    ...['integers', 'duplicateKeys', 'maxDepth', 'protoAction', 'constructorAction', 'utf8', 'strings'],
  ]);
  const { replySerializer = true, contentType = 'application/json', bodyLimit } = options;
  if (typeof replySerializer !== 'boolean')
    throw new InvalidArgument('replySerializer', 'a boolean', replySerializer);
  const { onProtoPoisoning = 'error', onConstructorPoisoning = 'error' } = instance.initialConfig;
  const { integers, duplicateKeys, maxDepth, utf8, strings } = options;
  const policy = parseOptions({
    integers,
    duplicateKeys,
    maxDepth,
    utf8,
    strings,
    protoAction: options.protoAction ?? onProtoPoisoning,
    constructorAction: options.constructorAction ?? onConstructorPoisoning,
  });
  const parser = bodyParser(instance, policy);
  const limit = bodyLimit === undefined ? {} : { bodyLimit };
  for (const type of Array.isArray(contentType) ? contentType : [contentType])
    instance.addContentTypeParser(type, { parseAs: 'buffer', ...limit }, parser);
  if (replySerializer) serializeReplies(instance);
}

/**
 * fastify.register(plugin, options): JSON bodies by tailrace, and replies of routes without a response schema. Its options are
 * ParseOptions and those of PluginOptions; onProtoPoisoning and onConstructorPoisoning of the instance hold. Register it
 * before the routes. It is not encapsulated: what it sets holds for the instance it is registered on.
 */
export function plugin(instance: FastifyLike, options: PluginOptions, done: (error?: Error) => void): void {
  try {
    register(instance, options);
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
}

// What the package fastify-plugin sets: no scope of its own, a name for messages, the versions it is made for.
Object.assign(plugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'tailrace',
  [Symbol.for('plugin-meta')]: { name: 'tailrace', fastify: '5.x' },
});
