"""placeholder to be replaced below"""
def context(request): return {}
