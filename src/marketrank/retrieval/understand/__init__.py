"""What a query means beside its words: price, place, condition, sizes, category. No model reads it
but the classifier of categories; everything else is grammar."""
