import { jsBackend } from '../../lib/backend/select';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { conformanceHttp } from './conformance-http';
import { conformanceLimits } from './conformance-limits';
import { conformanceNode } from './conformance-node';

onFallback();
conformance('fallback', jsBackend()).run();
conformanceLimits('fallback', jsBackend()).run();
conformanceNode('fallback', jsBackend()).run();
conformanceHttp('fallback', jsBackend()).run();
