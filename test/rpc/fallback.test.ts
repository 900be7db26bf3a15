import { jsBackend } from '../../lib/backend/select';
import { conformance } from './conformance';
import { conformanceMethods } from './conformance-methods';

conformance('fallback', jsBackend());
conformanceMethods('fallback', jsBackend());
