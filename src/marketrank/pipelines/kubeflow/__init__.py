"""The retraining as a Kubeflow pipeline. Needs the extra [kubeflow], in an environment of its
own."""
