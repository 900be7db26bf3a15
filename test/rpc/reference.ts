// JSON-RPC 2.0 as plainly as it can be written, for the property test: text in, the reply's value out (undefined for none).
// Knows the methods echo, later, fails and own of that test. Ids are compared as values here; their text has its own test.

const kForbidden = { code: -32602, message: 'Forbidden member name in params' };

function forbidden(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.hasOwn(value, '__proto__')) return true;
  const inner = Object.hasOwn(value, 'constructor')
    ? (value as { constructor: unknown }).constructor
    : undefined;
  if (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')) return true;
  return Object.values(value).some(forbidden);
}

function one(value: unknown): unknown {
  const refuse = (error: object, id: unknown) => ({ jsonrpc: '2.0', error, id });
  const invalid = { code: -32600, message: 'Invalid Request' };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(invalid, null);
  const call = value as { jsonrpc?: unknown; method?: unknown; params?: unknown; id?: unknown };
  const validId = call.id === null || typeof call.id === 'string' || typeof call.id === 'number';
  const structured = !('params' in call) || (typeof call.params === 'object' && call.params !== null);
  const valid =
    call.jsonrpc === '2.0' && typeof call.method === 'string' && structured && (validId || !('id' in call));
  if (!valid) return refuse(invalid, validId ? call.id : null);
  let reply: unknown;
  if (!['echo', 'later', 'fails', 'own'].includes(call.method as string)) {
    reply = refuse({ code: -32601, message: 'Method not found' }, call.id);
  } else if (forbidden(call.params)) {
    reply = refuse(kForbidden, call.id);
  } else if (call.method === 'fails') {
    reply = refuse({ code: -32603, message: 'Internal error' }, call.id);
  } else if (call.method === 'own') {
    reply = refuse({ code: 9, message: 'own', data: [null] }, call.id);
  } else {
    reply = { jsonrpc: '2.0', result: call.params ?? null, id: call.id };
  }
  return 'id' in call ? reply : undefined;
}

export function reference(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) return one(value);
  if (value.length === 0) return one(null);
  const replies = value.map(one).filter((reply) => reply !== undefined);
  return replies.length === 0 ? undefined : JSON.parse(JSON.stringify(replies));
}
