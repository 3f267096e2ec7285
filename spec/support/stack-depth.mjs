/** jest keeps 100 frames of each error; where errors are made by the thousand that takes more time than what is tested. As many as Node keeps do. */
Error.stackTraceLimit = 10;
