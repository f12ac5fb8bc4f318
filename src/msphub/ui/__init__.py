"""How things look: base templates, components, grid, forms, styles. Knows no domain words and makes no queries."""
