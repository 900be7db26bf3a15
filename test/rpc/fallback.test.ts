import { jsBackend } from '../../lib/backend/select';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { conformanceMethods } from './conformance-methods';

onFallback();
conformance('fallback', jsBackend()).run();
conformanceMethods('fallback', jsBackend()).run();
