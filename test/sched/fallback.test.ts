import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { contexts } from './contexts';

onFallback();
conformance('fallback').run();
contexts('fallback').run();
