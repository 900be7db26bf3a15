import { stopSteps } from './stop-steps';

stopSteps('js');
