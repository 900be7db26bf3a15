// The net part of the native backend. For now the one on node:net: the addon has no connections of its own for JS yet,
// only those of the server.

export { create } from '../js/net';
