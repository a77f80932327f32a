//! Every error EC2 answers, in AWS's codes and words (EC2 API reference, "Error codes").
